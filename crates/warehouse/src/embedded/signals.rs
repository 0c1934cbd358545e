//! What becomes of the private server when a signal ends the process.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use anyhow::Result;
use salesmart_base::notice::{self, Notice};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use super::Shared;

/// While set, a Ctrl-C is left to the program in the foreground (`psql`).
static LEAVE_INTERRUPTS: AtomicBool = AtomicBool::new(false);

/// While set, somebody else answers signals, and calls [`end_by`] if the process is to end at once.
static ANSWERED_ELSEWHERE: AtomicBool = AtomicBool::new(false);

/// The server that [`end_by`] has to stop.
static RUNNING: Mutex<Weak<Shared>> = Mutex::new(Weak::new());

/// Set once a signal is being answered: the process ends with that, whatever else fails meanwhile.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Waits for the end of the process if a signal is ending it: errors that the stop of the server causes are no news.
pub fn yield_to_interrupt() {
    while INTERRUPTED.load(Ordering::SeqCst) {
        std::thread::park();
    }
}

/// Leaves all signals to the caller from now on.
pub fn leave_signals() {
    ANSWERED_ELSEWHERE.store(true, Ordering::SeqCst);
}

/// Ends the process because of a signal, wherever it is: what is not committed leaves no trace. A private server is stopped.
pub fn end_by(signal: i32) -> ! {
    let running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner).upgrade();
    interrupt(running.as_deref(), signal)
}

/// Leaves Ctrl-C to a child in the foreground from now on.
pub fn leave_interrupts() {
    LEAVE_INTERRUPTS.store(true, Ordering::Relaxed);
}

/// On SIGINT, SIGTERM and SIGHUP: stops the server like an orderly exit would, then ends the process.
pub(super) fn stop_on_signals(shared: Arc<Shared>) -> Result<()> {
    *RUNNING.lock().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(&shared);
    if ANSWERED_ELSEWHERE.load(Ordering::SeqCst) {
        return Ok(());
    }
    let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        for signal in signals.forever() {
            let is_left = signal == SIGINT && LEAVE_INTERRUPTS.load(Ordering::Relaxed);
            if is_left || ANSWERED_ELSEWHERE.load(Ordering::SeqCst) {
                continue;
            }
            interrupt(Some(&shared), signal);
        }
    })?;
    Ok(())
}

fn interrupt(shared: Option<&Shared>, signal: i32) -> ! {
    INTERRUPTED.store(true, Ordering::SeqCst);
    notice::show(&Notice::Interrupted);
    if let Some(Err(error)) = shared.map(Shared::leave) {
        notice::show(&Notice::NotStopped(&error));
    }
    // Other threads are at work; ending without their clean-up is what a crash does, and is safe.
    signal_hook::low_level::exit(128 + signal)
}
