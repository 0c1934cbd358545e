//! Standard output, which somebody may have closed: `salesmart show fact_sales | head -1`.

use std::io::{self, ErrorKind, StdoutLock, Write};

/// For verbs that only print an answer: where nobody reads it any more, the process ends as other programs in a pipe do.
pub struct Answer(StdoutLock<'static>);

impl Answer {
    /// Standard output, for this thread alone.
    pub fn new() -> Self {
        Self(io::stdout().lock())
    }
}

impl Default for Answer {
    fn default() -> Self {
        Self::new()
    }
}

impl Write for Answer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes).map_err(end_if_closed)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush().map_err(end_if_closed)
    }
}

fn end_if_closed(error: io::Error) -> io::Error {
    #[cfg(unix)]
    if error.kind() == ErrorKind::BrokenPipe
        && let Err(refused) = signal_hook::low_level::emulate_default_handler(signal_hook::consts::SIGPIPE)
    {
        tracing::debug!("cannot end by SIGPIPE: {refused}");
    }
    error
}

/// Writes a line of a verb that does work: it goes on whether or not anybody reads what it says.
pub fn say(line: &str) {
    match writeln!(io::stdout().lock(), "{line}") {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            eprintln!("warning: cannot write to standard output: {error}");
        }
        Ok(()) | Err(_) => {}
    }
}
