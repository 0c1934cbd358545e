//! Named points at which a test can have the process killed, as a power cut would, or held up.
//!
//! `SALESMART_FAILPOINT=name` kills the process (SIGKILL) when it passes that point; `name:pause` stops it (SIGSTOP) until somebody
//! lets it go on. Unset, a point costs one look at the environment.

use crate::notice::{self, Notice};

/// Dies or stops here if the environment says so.
pub fn hit(name: &str) {
    let Some(wanted) = std::env::var_os("SALESMART_FAILPOINT") else { return };
    if wanted == name {
        notice::show(&Notice::Failpoint(name, "killed"));
        #[cfg(unix)]
        raise(name, rustix::process::Signal::KILL);
        std::process::abort();
    }
    #[cfg(unix)]
    if wanted.to_str().and_then(|wanted| wanted.strip_suffix(":pause")) == Some(name) {
        notice::show(&Notice::Failpoint(name, "paused"));
        raise(name, rustix::process::Signal::STOP);
    }
}

#[cfg(unix)]
fn raise(name: &str, signal: rustix::process::Signal) {
    if let Err(error) = rustix::process::kill_process(rustix::process::getpid(), signal) {
        notice::show(&Notice::Failpoint(name, &error.to_string()));
    }
}
