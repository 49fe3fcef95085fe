//! A browser for tests: headless Chromium, over its DevTools protocol.

use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_tungstenite::tungstenite::stream::MaybeTlsStream;
use tokio_tungstenite::tungstenite::{Message, WebSocket, connect};

/// One page of a browser, and its errors.
pub(crate) struct Browser {
    child: Child,
    socket: WebSocket<MaybeTlsStream<TcpStream>>,
    session: String,
    next: u64,
    /// Errors of the page, and what it wrote to its console.
    pub(crate) complaints: Vec<String>,
    /// The addresses that it requested.
    pub(crate) asked: Vec<String>,
    _profile: TempDir,
}

/// The longest wait for a value.
const PATIENCE: Duration = Duration::from_secs(60);

impl Browser {
    /// Opens a page of this size. None, with a note, if there is no browser; CI must have one.
    pub(crate) fn open(url: &str, width: u32, height: u32, dark: bool) -> Option<Self> {
        let profile = tempfile::tempdir().unwrap();
        let mut command = Command::new("chromium");
        command.args(["--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0"]);
        command.arg(format!("--user-data-dir={}", profile.path().display())).arg("about:blank");
        let started = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
        let mut child = match started {
            Ok(child) => child,
            Err(error) => {
                assert!(std::env::var_os("CI").is_none(), "there is no chromium: {error}");
                println!("skipped: there is no chromium ({error})");
                return None;
            }
        };
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let told = lines.find_map(|line| Some(line.ok()?.strip_prefix("DevTools listening on ")?.to_owned()));
        std::thread::spawn(move || lines.for_each(drop));
        let (socket, _) = connect(told.expect("it tells where it listens")).unwrap();
        let (session, complaints, asked) = (String::new(), Vec::new(), Vec::new());
        let mut browser = Self { child, socket, session, next: 0, complaints, asked, _profile: profile };
        let target = browser.call("Target.createTarget", &json!({ "url": "about:blank" }));
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        let attached = browser.call("Target.attachToTarget", &attach);
        attached["sessionId"].as_str().unwrap().clone_into(&mut browser.session);
        for domain in ["Page", "Runtime", "Log", "Network"] {
            browser.call(&format!("{domain}.enable"), &json!({}));
        }
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        browser.call("Emulation.setDeviceMetricsOverride", &size);
        let scheme = json!({ "name": "prefers-color-scheme", "value": if dark { "dark" } else { "light" } });
        browser.call("Emulation.setEmulatedMedia", &json!({ "features": [scheme] }));
        browser.call("Page.navigate", &json!({ "url": url }));
        // Its text is there before its style sheet.
        browser.wait_for("document.readyState === 'complete'");
        Some(browser)
    }

    /// Calls a method, and returns its result. Events that arrive meanwhile are recorded.
    fn call(&mut self, method: &str, params: &Value) -> Value {
        self.next += 1;
        let mut message = json!({ "id": self.next, "method": method, "params": params });
        if !self.session.is_empty() {
            message["sessionId"] = self.session.clone().into();
        }
        self.socket.send(Message::text(message.to_string())).unwrap();
        loop {
            let Message::Text(text) = self.socket.read().unwrap() else { continue };
            let mut told: Value = serde_json::from_str(&text).unwrap();
            if told["id"] == self.next {
                assert!(told["error"].is_null(), "{method}: {}", told["error"]);
                return told["result"].take();
            }
            self.note(&told);
        }
    }

    fn note(&mut self, told: &Value) {
        let params = &told["params"];
        match told["method"].as_str().unwrap_or_default() {
            "Network.requestWillBeSent" => {
                self.asked.push(params["request"]["url"].as_str().unwrap_or_default().to_owned());
            }
            "Runtime.exceptionThrown" | "Runtime.consoleAPICalled" => {
                self.complaints.push(params.to_string());
            }
            "Log.entryAdded" if params["entry"]["level"] == "error" => {
                self.complaints.push(params.to_string());
            }
            _ => {}
        }
    }

    /// Evaluates an expression on the page.
    pub(crate) fn value(&mut self, expression: &str) -> Value {
        let evaluated = self.call(
            "Runtime.evaluate",
            &json!({ "expression": expression, "returnByValue": true, "awaitPromise": true }),
        );
        assert!(evaluated["exceptionDetails"].is_null(), "{expression}: {evaluated}");
        evaluated["result"]["value"].clone()
    }

    /// Waits until an expression is true on the page.
    pub(crate) fn wait_for(&mut self, expression: &str) {
        let begun = Instant::now();
        // The page itself looks again with each frame.
        let looking = format!(
            "new Promise((done) => {{ const begun = Date.now(); const look = () => {{ let is = false; try {{ is = !!({expression}) }} catch {{}} \
             if (is || Date.now() - begun > 1000) done(is); else setTimeout(look, 20); }}; look(); }})"
        );
        while self.value(&looking) != Value::Bool(true) {
            assert!(begun.elapsed() < PATIENCE, "{expression} does not come true: {}", self.text());
        }
    }

    /// All text of the page.
    pub(crate) fn text(&mut self) -> String {
        self.value("document.body.innerText").as_str().unwrap_or_default().to_owned()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
