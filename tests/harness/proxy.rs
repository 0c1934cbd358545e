//! What stands between the program and PostgreSQL, and can be told to fail.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};

/// What happens to the next connection; the ones after it pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    Pass,
    /// Cut after so many bytes of the client.
    After(u64),
    /// Cut when the client's COMMIT is there, before the server sees it.
    BeforeCommit,
    /// Cut when the server has answered the client's COMMIT, before the client hears it.
    AfterCommit,
    /// After so many bytes of the client nothing passes until [`Proxy::release`].
    HoldAfter(u64),
    /// Never say a word.
    Silent,
}

/// A proxy on the loopback interface.
pub struct Proxy {
    port: u16,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

struct Shared {
    server: u16,
    state: Mutex<State>,
    changed: Condvar,
    is_over: AtomicBool,
}

struct State {
    fault: Fault,
    /// Bytes of clients that went through.
    forwarded: u64,
    is_held: bool,
}

/// The simple query with which a transaction is committed.
const COMMIT: &[u8] = b"COMMIT\0";

impl Proxy {
    /// Stands before the server at this port, on a port of its own.
    pub fn new(server: u16) -> Self {
        Self::on(TcpListener::bind(("127.0.0.1", 0)).unwrap(), server)
    }

    /// The same on this listener.
    pub fn on(listener: TcpListener, server: u16) -> Self {
        let port = listener.local_addr().unwrap().port();
        let state = Mutex::new(State { fault: Fault::Pass, forwarded: 0, is_held: false });
        let shared = Arc::new(Shared { server, state, changed: Condvar::new(), is_over: AtomicBool::new(false) });
        let for_all = Arc::clone(&shared);
        let acceptor = thread::spawn(move || {
            for client in listener.incoming() {
                if for_all.is_over.load(Ordering::SeqCst) {
                    return;
                }
                let shared = Arc::clone(&for_all);
                let client = client.unwrap();
                thread::spawn(move || shared.serve(client));
            }
        });
        Self { port, shared, acceptor: Some(acceptor) }
    }

    /// The port to connect to.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What happens to the next connection. Counts from here.
    pub fn set(&self, fault: Fault) {
        let mut state = self.shared.state.lock().unwrap();
        (state.fault, state.forwarded, state.is_held) = (fault, 0, false);
    }

    /// Bytes of clients that went through since the fault was set.
    pub fn forwarded(&self) -> u64 {
        self.shared.state.lock().unwrap().forwarded
    }

    /// Waits until a connection is held.
    pub fn wait_until_held(&self) {
        let mut state = self.shared.state.lock().unwrap();
        while !state.is_held {
            let (next, timeout) = self.shared.changed.wait_timeout(state, std::time::Duration::from_secs(60)).unwrap();
            assert!(!timeout.timed_out(), "nobody came to be held");
            state = next;
        }
    }

    /// Lets a held connection go on.
    pub fn release(&self) {
        self.shared.state.lock().unwrap().is_held = false;
        self.shared.changed.notify_all();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::SeqCst);
        if let Ok(mut state) = self.shared.state.lock() {
            state.is_held = false;
        }
        self.shared.changed.notify_all();
        // Wakes the acceptor.
        let _ = TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], self.port)));
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
    }
}

impl Shared {
    fn serve(&self, mut client: TcpStream) {
        let fault = std::mem::replace(&mut self.state.lock().unwrap().fault, Fault::Pass);
        if fault == Fault::Silent {
            // Until the client gives up.
            let _ = std::io::copy(&mut client, &mut std::io::sink());
            return;
        }
        // A server that is not there hangs up on its clients.
        let Ok(mut server) = TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], self.server))) else { return };
        let is_deaf = Arc::new(AtomicBool::new(false));
        let answers = {
            let (mut server, mut client) = (server.try_clone().unwrap(), client.try_clone().unwrap());
            let is_deaf = Arc::clone(&is_deaf);
            thread::spawn(move || {
                let mut buffer = [0; 1 << 16];
                while let Ok(length @ 1..) = server.read(&mut buffer) {
                    if is_deaf.load(Ordering::SeqCst) || client.write_all(&buffer[..length]).is_err() {
                        break;
                    }
                }
                let _ = client.shutdown(Shutdown::Both);
                let _ = server.shutdown(Shutdown::Both);
            })
        };
        self.forward(fault, &mut client, &mut server, &is_deaf);
        if is_deaf.load(Ordering::SeqCst) {
            // The server has answered, and nobody hears it.
            answers.join().unwrap();
            return;
        }
        let _ = client.shutdown(Shutdown::Both);
        let _ = server.shutdown(Shutdown::Both);
        answers.join().unwrap();
    }

    /// Until the end, or the fault.
    fn forward(&self, fault: Fault, client: &mut TcpStream, server: &mut TcpStream, is_deaf: &AtomicBool) {
        let mut buffer = [0; 1 << 16];
        let mut tail = Vec::new();
        let mut total: u64 = 0;
        while let Ok(length @ 1..) = client.read(&mut buffer) {
            let mut bytes = &buffer[..length];
            tail.extend_from_slice(bytes);
            let is_commit = tail.windows(COMMIT.len()).any(|window| window == COMMIT);
            tail.drain(..tail.len().saturating_sub(COMMIT.len() - 1));
            match fault {
                Fault::After(limit) if total + length as u64 >= limit => {
                    let _ = server.write_all(&bytes[..(limit - total) as usize]);
                    return;
                }
                Fault::HoldAfter(limit) if total < limit && total + length as u64 >= limit => {
                    let (before, after) = bytes.split_at((limit - total) as usize);
                    if server.write_all(before).is_err() {
                        return;
                    }
                    bytes = after;
                    self.hold();
                }
                Fault::BeforeCommit if is_commit => return,
                Fault::AfterCommit if is_commit => {
                    is_deaf.store(true, Ordering::SeqCst);
                    let _ = server.write_all(bytes);
                    return;
                }
                _ => {}
            }
            if server.write_all(bytes).is_err() {
                return;
            }
            total += length as u64;
            self.state.lock().unwrap().forwarded += length as u64;
        }
    }

    fn hold(&self) {
        let mut state = self.state.lock().unwrap();
        state.is_held = true;
        self.changed.notify_all();
        while state.is_held {
            state = self.changed.wait(state).unwrap();
        }
    }
}
