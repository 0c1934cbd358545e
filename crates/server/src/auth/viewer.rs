//! Who asks, and what they may see.

use salesmart_metrics::source::Scope;

/// Somebody who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Viewer {
    name: Option<String>,
    role: Option<String>,
    scope: Scope,
}

impl Viewer {
    /// Somebody of this name, if they have one, who may see this.
    pub fn new(name: Option<String>, scope: Scope) -> Self {
        Self { name, role: None, scope }
    }

    /// Somebody with a login or token of this role.
    pub fn of_role(name: &str, role: &str, scope: Scope) -> Self {
        Self { name: Some(name.to_owned()), role: Some(role.to_owned()), scope }
    }

    /// The role, where there are logins.
    pub fn role(&self) -> Option<&str> {
        self.role.as_deref()
    }

    /// The name they logged in with; none where nobody needs to.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// What they may see.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }
}
