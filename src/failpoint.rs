//! Named points at which a test can have the process killed, as a power cut would.
//!
//! `SALESMART_FAILPOINT=name` kills the process (SIGKILL) when it passes that point. Unset, a point costs one
//! look at the environment.

/// Dies here if the environment says so.
pub fn hit(name: &str) {
    if std::env::var_os("SALESMART_FAILPOINT").is_some_and(|wanted| wanted == name) {
        eprintln!("failpoint {name}: killed");
        #[cfg(unix)]
        if let Err(error) = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL) {
            eprintln!("failpoint {name}: {error}");
        }
        std::process::abort();
    }
}
