//! A served dashboard.

use rustix::process::Signal;

use super::Project;
use super::running::{PATIENCE, Running};

/// A `salesmart serve` on a free port.
pub struct Dashboard {
    running: Option<Running>,
    base: String,
}

/// What a server answered.
#[derive(Debug)]
pub struct Reply {
    /// Code.
    pub status: u16,
    /// Headers.
    pub headers: http::HeaderMap,
    /// Body.
    pub body: Vec<u8>,
}

impl Dashboard {
    /// Serves a project's warehouse.
    pub fn of(project: &Project) -> Self {
        Self::with(project, &[])
    }

    /// Serves with more arguments.
    pub fn with(project: &Project, args: &[&str]) -> Self {
        let all: Vec<&str> = ["serve", "--listen", "127.0.0.1:0"].iter().chain(args).copied().collect();
        Self::start(&mut project.command(&all))
    }

    /// Serves where the system allows only this many open files.
    pub fn with_open_files(project: &Project, files: usize) -> Self {
        let serve = project.command(&["serve", "--listen", "127.0.0.1:0"]);
        let mut command = std::process::Command::new("prlimit");
        command.arg(format!("--nofile={files}:{files}")).arg(serve.get_program()).args(serve.get_args());
        command.current_dir(serve.get_current_dir().unwrap());
        for (name, value) in serve.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        Self::start(&mut command)
    }

    fn start(command: &mut std::process::Command) -> Self {
        let mut running = Running::start(command);
        let said = running.until("http://127.0.0.1:");
        let address = said.split("http://").nth(1).unwrap().split_whitespace().next().unwrap();
        Self { base: format!("http://{address}"), running: Some(running) }
    }

    /// The address of a path.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// Asks for a path.
    pub fn get(&self, path: &str) -> Reply {
        self.ask(path, &[])
    }

    /// Asks for a path with headers; the body is as it was sent, compressed or not.
    pub fn ask(&self, path: &str, headers: &[(&str, &str)]) -> Reply {
        Reply::of(self.send(path, headers))
    }

    fn send(&self, path: &str, headers: &[(&str, &str)]) -> http::Response<ureq::Body> {
        let mut request = agent().get(self.url(path));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.call().unwrap()
    }

    /// Sends a form.
    pub fn post(&self, path: &str, form: &str) -> Reply {
        self.post_with(path, form, &[])
    }

    /// Sends a form with headers.
    pub fn post_with(&self, path: &str, form: &str, headers: &[(&str, &str)]) -> Reply {
        let mut request = agent().post(self.url(path)).header("content-type", "application/x-www-form-urlencoded");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Reply::of(request.send(form).unwrap())
    }

    /// A connection on which nothing was sent yet.
    pub fn connect(&self) -> std::net::TcpStream {
        std::net::TcpStream::connect(self.base.trim_start_matches("http://")).unwrap()
    }

    /// Memory of the process, in bytes.
    pub fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
    }

    /// The process that serves.
    pub fn process(&self) -> u32 {
        self.running.as_ref().unwrap().process()
    }

    /// Ends it as a scheduler does; returns the exit code.
    pub fn end(mut self) -> Option<i32> {
        self.running.take().unwrap().end_by(Signal::TERM)
    }
}

/// Takes every answer as it is.
fn agent() -> ureq::Agent {
    ureq::Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .timeout_global(Some(PATIENCE))
        .build()
        .into()
}

impl Reply {
    fn of(mut response: http::Response<ureq::Body>) -> Self {
        Self {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body: response.body_mut().with_config().limit(1 << 30).read_to_vec().unwrap(),
        }
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// A header.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}
