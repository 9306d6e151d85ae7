//! Chromium without a window, over its DevTools protocol.

use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tungstenite::stream::MaybeTlsStream;
use tungstenite::{Message, WebSocket};

/// How long anything on the page may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// A browser with one tab.
pub struct Browser {
    child: Child,
    socket: WebSocket<MaybeTlsStream<TcpStream>>,
    session: Option<String>,
    calls: u64,
    /// What the page's console complained about: errors, and what the content security policy forbade.
    pub complaints: Vec<String>,
    _profile: tempfile::TempDir,
}

impl Browser {
    pub fn start(program: &str) -> Self {
        let profile = tempfile::tempdir().unwrap();
        let mut command = Command::new(program);
        command.args(["--headless=new", "--remote-debugging-port=0", "--no-first-run", "--mute-audio"]);
        // In a container there is neither a sandbox for root nor much shared memory.
        command.args(["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--hide-scrollbars"]);
        command.arg(format!("--user-data-dir={}", profile.path().display())).arg("about:blank");
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect(program);
        let mut errors = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        let address = errors.find_map(|line| line.strip_prefix("DevTools listening on ").map(str::to_owned));
        // Somebody must read on, or a talkative browser stops.
        std::thread::spawn(move || errors.for_each(drop));
        let (socket, _) = tungstenite::connect(address.expect("the browser starts")).unwrap();
        let (session, calls, complaints) = (None, 0, Vec::new());
        let mut browser = Self { child, socket, session, calls, complaints, _profile: profile };
        let target = browser.call("Target.createTarget", json!({"url": "about:blank"}))["targetId"].clone();
        let attached = browser.call("Target.attachToTarget", json!({"targetId": target, "flatten": true}));
        browser.session = attached["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page", "Runtime", "Log"] {
            browser.call(&format!("{domain}.enable"), json!({}));
        }
        browser
    }

    /// Calls a method and waits for its result.
    pub fn call(&mut self, method: &str, params: Value) -> Value {
        self.calls += 1;
        let mut message = json!({"id": self.calls, "method": method, "params": params});
        if let Some(session) = &self.session {
            message["sessionId"] = session.as_str().into();
        }
        self.socket.send(Message::text(message.to_string())).unwrap();
        loop {
            let Message::Text(text) = self.socket.read().unwrap() else { continue };
            let mut answer: Value = serde_json::from_str(&text).unwrap();
            if answer["id"] == self.calls {
                assert!(answer["error"].is_null(), "{method}: {}", answer["error"]);
                return answer["result"].take();
            }
            let params = &answer["params"];
            match answer["method"].as_str() {
                Some("Runtime.exceptionThrown") => self.complaints.push(params["exceptionDetails"].to_string()),
                Some("Log.entryAdded") if params["entry"]["level"] == "error" => {
                    self.complaints.push(params["entry"].to_string());
                }
                _ => {}
            }
        }
    }

    /// The value of an expression on the page.
    pub fn eval(&mut self, expression: &str) -> Value {
        let params = json!({"expression": expression, "awaitPromise": true, "returnByValue": true});
        let mut answer = self.call("Runtime.evaluate", params);
        assert!(answer["exceptionDetails"].is_null(), "{expression}: {}", answer["exceptionDetails"]);
        answer["result"]["value"].take()
    }

    /// Waits until an expression is true.
    pub fn wait(&mut self, expression: &str) {
        let start = Instant::now();
        while self.eval(&format!("Boolean({expression})")) != true {
            assert!(start.elapsed() < PATIENCE, "still false: {expression}\n{:?}", self.complaints);
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    pub fn open(&mut self, address: &str) {
        // From elsewhere, so that another fragment is another visit.
        for address in ["about:blank", address] {
            self.call("Page.navigate", json!({"url": address}));
            // The page may write its fragment in another way.
            let page = address.split('#').next().unwrap();
            self.wait(&format!("document.readyState === 'complete' && location.href.startsWith({page:?})"));
        }
    }

    /// Presses the mouse in an element, at a share of its width.
    pub fn click_at(&mut self, selector: &str, share: f64) {
        self.wait(&format!("document.querySelector({selector:?})"));
        let place = self.eval(&format!(
            "(() => {{ const e = document.querySelector({selector:?}); e.scrollIntoView({{block: 'center', behavior: 'instant'}}); \
             const b = e.getBoundingClientRect(); return [b.left + {share} * b.width, b.top + b.height / 2] }})()"
        ));
        for kind in ["mouseMoved", "mousePressed", "mouseReleased"] {
            let params = json!({"type": kind, "x": place[0], "y": place[1], "button": "left", "clickCount": 1});
            self.call("Input.dispatchMouseEvent", params);
        }
    }

    pub fn click(&mut self, selector: &str) {
        self.click_at(selector, 0.5);
    }

    pub fn type_text(&mut self, text: &str) {
        self.call("Input.insertText", json!({"text": text}));
    }

    /// Presses a key by its name, such as `Enter`, `ArrowDown`, `/` or a space.
    pub fn key(&mut self, key: &str) {
        let code = match key {
            "Enter" => 13,
            "Escape" => 27,
            " " => 32,
            "ArrowLeft" => 37,
            "ArrowUp" => 38,
            "ArrowRight" => 39,
            "ArrowDown" => 40,
            _ => 0,
        };
        let text = match key {
            "Enter" => "\r",
            key if key.len() == 1 => key,
            _ => "",
        };
        for kind in ["keyDown", "keyUp"] {
            let params = json!({"type": kind, "key": key, "text": text, "windowsVirtualKeyCode": code});
            self.call("Input.dispatchKeyEvent", params);
        }
    }

    /// Width and height of the page in CSS pixels, and its colours.
    pub fn look(&mut self, (width, height): (u32, u32), scheme: &str) {
        let metrics = json!({"width": width, "height": height, "deviceScaleFactor": 2, "mobile": width < 500});
        self.call("Emulation.setDeviceMetricsOverride", metrics);
        let features = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        self.call("Emulation.setEmulatedMedia", json!({"features": features}));
    }

    pub fn screenshot(&mut self, path: &Path) {
        std::thread::sleep(Duration::from_millis(300));
        let data = self.call("Page.captureScreenshot", json!({"format": "png"}));
        let bytes = data_encoding::BASE64.decode(data["data"].as_str().unwrap().as_bytes()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
