//! A headless Chromium, driven as a person would.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, ClientBuilder, Locator};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::running::PATIENCE;

/// How a browser is set up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Scripts {
    /// As people have it.
    #[default]
    On,
    /// Pages may not run any.
    Off,
}

/// A browser with one window of 1280 by 900, and the driver it is driven by. Both end with it.
pub struct Browser {
    runtime: Runtime,
    client: Option<Client>,
    driver: Child,
    downloads: TempDir,
}

impl Browser {
    /// Opens it.
    pub fn open() -> Self {
        Self::with(Scripts::On)
    }

    /// Opens it, with or without scripts.
    pub fn with(scripts: Scripts) -> Self {
        let (driver, port) = start_driver();
        let downloads = tempfile::tempdir().unwrap();
        let javascript = if scripts == Scripts::On { 1 } else { 2 };
        let capabilities = json!({
            "pageLoadStrategy": "normal",
            "goog:chromeOptions": {
                "args": ["--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu",
                         "--window-size=1280,900", "--force-prefers-reduced-motion", "--hide-scrollbars",
                         "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"],
                "prefs": {
                    "download.default_directory": downloads.path(),
                    "profile.managed_default_content_settings.javascript": javascript,
                    "profile.default_content_setting_values.automatic_downloads": 1
                }
            },
            "goog:loggingPrefs": { "browser": "ALL" }
        });
        let Value::Object(capabilities) = capabilities else { unreachable!() };
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let mut builder = ClientBuilder::new(hyper_util::client::legacy::connect::HttpConnector::new());
        builder.capabilities(capabilities);
        let client = runtime.block_on(builder.connect(&format!("http://127.0.0.1:{port}"))).unwrap();
        Self { runtime, client: Some(client), driver, downloads }
    }

    fn client(&self) -> &Client {
        self.client.as_ref().unwrap()
    }

    /// Opens a page.
    pub fn goto(&self, url: &str) -> &Self {
        self.runtime.block_on(self.client().goto(url)).unwrap();
        self
    }

    /// The address of the page.
    pub fn url(&self) -> String {
        self.runtime.block_on(self.client().current_url()).unwrap().to_string()
    }

    /// Goes back.
    pub fn back(&self) -> &Self {
        self.runtime.block_on(self.client().back()).unwrap();
        self
    }

    /// Loads the page again.
    pub fn reload(&self) -> &Self {
        self.runtime.block_on(self.client().refresh()).unwrap();
        self
    }

    /// The text of the first element of a selector, as a person reads it.
    #[track_caller]
    pub fn text(&self, selector: &str) -> String {
        self.find(selector, |client, selector| {
            Box::pin(async move { client.find(Locator::Css(selector)).await?.text().await })
        })
    }

    /// The texts of all elements of a selector.
    pub fn texts(&self, selector: &str) -> Vec<String> {
        self.runtime.block_on(async {
            let mut texts = Vec::new();
            for element in self.client().find_all(Locator::Css(selector)).await.unwrap() {
                texts.push(element.text().await.unwrap());
            }
            texts
        })
    }

    /// An attribute of the first element of a selector.
    #[track_caller]
    pub fn attribute(&self, selector: &str, name: &str) -> Option<String> {
        let name = name.to_owned();
        self.find(selector, move |client, selector| {
            let name = name.clone();
            Box::pin(async move { client.find(Locator::Css(selector)).await?.attr(&name).await })
        })
    }

    /// How many elements there are of a selector.
    pub fn count(&self, selector: &str) -> usize {
        self.runtime.block_on(self.client().find_all(Locator::Css(selector))).unwrap().len()
    }

    /// Clicks on the first element of a selector, by the mouse.
    #[track_caller]
    pub fn click(&self, selector: &str) -> &Self {
        self.find(selector, |client, selector| {
            Box::pin(async move { client.find(Locator::Css(selector)).await?.click().await })
        });
        self
    }

    /// Types into the first element of a selector.
    #[track_caller]
    pub fn type_into(&self, selector: &str, text: &str) -> &Self {
        let text = text.to_owned();
        self.find(selector, move |client, selector| {
            let text = text.clone();
            Box::pin(async move { client.find(Locator::Css(selector)).await?.send_keys(&text).await })
        });
        self
    }

    /// Tries until the element is there and takes it: pages change under the hand.
    #[track_caller]
    fn find<T>(
        &self,
        selector: &str,
        act: impl for<'a> Fn(
            &'a Client,
            &'a str,
        )
            -> std::pin::Pin<Box<dyn Future<Output = Result<T, fantoccini::error::CmdError>> + Send + 'a>>,
    ) -> T {
        let started = Instant::now();
        loop {
            match self.runtime.block_on(act(self.client(), selector)) {
                Ok(done) => return done,
                Err(error) if started.elapsed() > PATIENCE / 6 => {
                    panic!("{selector} on {}: {error}\n{}", self.url(), self.text_of_page())
                }
                Err(_) => std::thread::sleep(Duration::from_millis(50)),
            }
        }
    }

    fn text_of_page(&self) -> String {
        self.script("return document.body.innerText").as_str().unwrap_or_default().to_owned()
    }

    /// Runs a script and returns what it returns.
    pub fn script(&self, script: &str) -> Value {
        self.runtime.block_on(self.client().execute(script, Vec::new())).unwrap()
    }

    /// Runs a script that calls its last argument with the result.
    pub fn script_async(&self, script: &str) -> Value {
        self.runtime.block_on(self.client().execute_async(script, Vec::new())).unwrap()
    }

    /// Waits until something holds.
    #[track_caller]
    pub fn until(&self, what: &str, holds: impl Fn(&Self) -> bool) -> &Self {
        let started = Instant::now();
        while !holds(self) {
            assert!(
                started.elapsed() < PATIENCE / 4,
                "{what} did not come about on {}:\n{}",
                self.url(),
                self.text_of_page()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
        self
    }

    /// Sends a command of the developer tools.
    pub fn tell(&self, method: &'static str, parameters: Value) -> Value {
        self.runtime.block_on(self.client().issue_cmd(DeveloperTools { method, parameters })).unwrap()
    }

    /// Shows pages as a phone of 360 by 740 does.
    pub fn as_phone(&self) -> &Self {
        let phone = json!({ "width": 360, "height": 740, "deviceScaleFactor": 2, "mobile": true });
        self.tell("Emulation.setDeviceMetricsOverride", phone);
        self
    }

    /// Shows pages as on a screen of 1280 by 900.
    pub fn as_desktop(&self) -> &Self {
        self.tell("Emulation.clearDeviceMetricsOverride", json!({}));
        self
    }

    /// Tells pages what the system prefers: `light` or `dark`.
    pub fn prefers(&self, scheme: &str) -> &Self {
        let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.tell("Emulation.setEmulatedMedia", features);
        self
    }

    /// A picture of the whole page, as PNG.
    pub fn picture(&self, path: &Path) {
        let size = self.tell("Page.getLayoutMetrics", json!({}));
        let content = &size["cssContentSize"];
        let clip = json!({ "x": 0, "y": 0, "width": content["width"], "height": content["height"], "scale": 1 });
        let taken = self.tell("Page.captureScreenshot", json!({ "captureBeyondViewport": true, "clip": clip }));
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, from_base64(taken["data"].as_str().unwrap())).unwrap();
    }

    /// What the page wrote to the browser's console: errors of scripts, and what the content policy held back.
    pub fn complaints(&self) -> Vec<String> {
        let log = self.runtime.block_on(self.client().issue_cmd(BrowserLog)).unwrap();
        let entries = log.as_array().cloned().unwrap_or_default();
        entries
            .iter()
            .filter(|entry| entry["level"] == "SEVERE")
            .map(|entry| entry["message"].as_str().unwrap_or_default().to_owned())
            .collect()
    }

    /// What axe-core objects to on the page: the rule and the elements, one line each.
    pub fn violations(&self, axe: &str) -> Vec<String> {
        self.script(axe);
        let found = self.script_async(
            "const done = arguments[arguments.length - 1];
             axe.run(document, { resultTypes: ['violations'] }).then(result => done(result.violations.map(
                violation => violation.id + ': ' + violation.nodes.map(node => node.html.slice(0, 160)).join(' | '))));",
        );
        found.as_array().unwrap().iter().map(|line| line.as_str().unwrap().to_owned()).collect()
    }

    /// The file of this name, once it is there whole.
    #[track_caller]
    pub fn downloaded(&self, ends_with: &str) -> PathBuf {
        let started = Instant::now();
        loop {
            let files = std::fs::read_dir(self.downloads.path()).unwrap().map(|entry| entry.unwrap().path());
            if let Some(file) = files.into_iter().find(|file| file.to_string_lossy().ends_with(ends_with)) {
                return file;
            }
            assert!(started.elapsed() < PATIENCE / 4, "nothing that ends with {ends_with} was downloaded");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if let Some(client) = self.client.take() {
            // The driver closes the browser, also if it does not answer any more.
            let _ = self.runtime.block_on(async { tokio::time::timeout(Duration::from_secs(5), client.close()).await });
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

fn start_driver() -> (Child, u16) {
    let mut driver = Command::new("chromedriver")
        .args(["--port=0"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("chromedriver is needed: scripts/browser.sh installs it");
    let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
    let port = loop {
        let line = lines.next().expect("chromedriver says its port").unwrap();
        if let Some((_, port)) = line.split_once("started successfully on port ") {
            break port.trim_end_matches('.').parse().unwrap();
        }
    };
    // Its pipe must not fill up.
    std::thread::spawn(move || lines.for_each(drop));
    (driver, port)
}

/// A command of the developer tools, which the driver passes on.
#[derive(Debug)]
struct DeveloperTools {
    method: &'static str,
    parameters: Value,
}

impl WebDriverCompatibleCommand for DeveloperTools {
    fn endpoint(&self, base: &url::Url, session: Option<&str>) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/goog/cdp/execute", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &url::Url) -> (http::Method, Option<String>) {
        let body = json!({ "cmd": self.method, "params": self.parameters });
        (http::Method::POST, Some(body.to_string()))
    }
}

/// What the browser logged since the last time.
#[derive(Debug)]
struct BrowserLog;

impl WebDriverCompatibleCommand for BrowserLog {
    fn endpoint(&self, base: &url::Url, session: Option<&str>) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/se/log", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &url::Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(json!({ "type": "browser" }).to_string()))
    }
}

fn from_base64(text: &str) -> Vec<u8> {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.decode(text).unwrap()
}
