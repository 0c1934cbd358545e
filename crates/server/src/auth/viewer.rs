//! Who asks, and what they may see.

use salesmart_metrics::source::Scope;

/// Somebody who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Viewer {
    name: Option<String>,
    scope: Scope,
}

impl Viewer {
    /// Somebody of this name, if they have one, who may see this.
    pub fn new(name: Option<String>, scope: Scope) -> Self {
        Self { name, scope }
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
