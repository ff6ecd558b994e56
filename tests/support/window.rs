//! The real window under WebDriver, on a display and in a home of its own.

mod stage;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use fantoccini::actions::{InputSource as _, KeyAction, KeyActions, MouseActions, PointerAction};
use fantoccini::elements::{Element, ElementRef};
use fantoccini::key::Key;
use fantoccini::{Client, ClientBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};

use crate::ports::Ports;
use stage::{Display, Tied};
pub use stage::{Home, Process};

/// How long anything on screen may take before a journey fails.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// The size in which the mockups are drawn, and the smallest that the window may have.
pub const WIDE: (u32, u32) = (1440, 900);
pub const NARROW: (u32, u32) = (1024, 640);
const TITLE: &str = "^Queuescope";
const LOOK_AGAIN: Duration = Duration::from_millis(30);
const END_WAIT: Duration = Duration::from_secs(5);
/// The longest movement on screen, and a frame.
const STILL: Duration = Duration::from_millis(260);
const SCREEN_TEXT_MAX: usize = 6_000;

const PAGE: &str = include_str!("window/page.js");
const TROUBLE: &str = include_str!("window/trouble.js");
const TWO_FRAMES: &str = "const done = arguments[0]; requestAnimationFrame(() => requestAnimationFrame(() => done()));";
const AXE: &str = "ui/node_modules/axe-core/axe.min.js";
const AXE_RUN: &str = "const done = arguments[0];
    axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) => done(violations
        .filter(({ impact }) => impact === 'serious' || impact === 'critical')
        .map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map(({ html }) => html).join(' | ')}`)))
        .catch((error) => done([String(error)]));";

/// The window, with everything that was started for it. Dropped without [`Self::close`] or [`Self::kill`], it has failed,
/// and leaves a picture.
#[derive(Debug)]
pub struct Window {
    client: Client,
    driver: Option<Tied>,
    display: Display,
    home: Option<Home>,
    journey: &'static str,
}

impl Window {
    /// Opens the program for a user who has never used it.
    pub async fn open(journey: &'static str) -> Self {
        Self::open_at(journey, Home::new()).await
    }

    /// Opens the program for a user who comes back.
    pub async fn open_at(journey: &'static str, home: Home) -> Self {
        let display = Display::start();
        let ports = Ports::reserve();
        let [port] = ports.numbers;
        let mut driver = Command::new("WebKitWebDriver");
        driver.args(["--host=127.0.0.1", &format!("--port={port}")]);
        home.furnish(&mut driver);
        driver.env("DISPLAY", &display.name).env("TAURI_WEBVIEW_AUTOMATION", "true");
        let (stdout, stderr) = (Stdio::from(home.log()), Stdio::from(home.log()));
        let driver = Tied::start(&driver, stdout, stderr);
        let client = connect(port, &home).await;
        let window = Self { client, driver: Some(driver), display, home: Some(home), journey };
        window.client.execute(TROUBLE, vec![]).await.expect("the page runs scripts");
        window.until("something is drawn", "document.body.innerText.trim() !== ''").await;
        window.resize(WIDE).await;
        window
    }

    fn home(&self) -> &Home {
        self.home.as_ref().expect("it is given away only at the end")
    }

    /// What the program itself keeps.
    pub fn data_dir(&self) -> PathBuf {
        self.home().data_dir()
    }

    /// The program and its web processes, the program first.
    pub fn processes(&self) -> Vec<Process> {
        let program = program();
        let mut all = self.driver.as_ref().map(Tied::processes).unwrap_or_default();
        all.retain(|process| process.program == program || process.program.to_string_lossy().contains("/WebKit"));
        all.retain(|process| !process.program.ends_with("WebKitWebDriver"));
        all.sort_by_key(|process| (process.program != program, process.id));
        all
    }

    /// Ends the program at once, as a power cut would, and gives back what it leaves.
    pub async fn kill(mut self) -> Home {
        let processes = self.processes();
        assert_eq!(processes.first().map(|first| &first.program), Some(&program()), "the program runs");
        processes[0].kill();
        drop(self.driver.take());
        self.home.take().expect("it is given away only here")
    }

    /// Closes the window as its user does, and gives back what it leaves. Fails where the console or the content rules
    /// have something to say.
    pub async fn close(mut self) -> Home {
        let trouble =
            self.client.execute("return window.queuescopeTrouble", vec![]).await.expect("the page runs scripts");
        assert_eq!(trouble, json!([]), "{}: the console says something", self.journey);
        let processes = self.processes();
        // The answer can be lost with the window that gives it.
        self.client.clone().close().await.ok();
        let began = Instant::now();
        while processes.iter().any(|process| !process.has_ended()) && began.elapsed() < END_WAIT {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        drop(self.driver.take());
        self.home.take().expect("it is given away only here")
    }

    /// Asks it to close, as its user does by the keyboard. It may answer with a question.
    pub async fn ask_to_close(&self) {
        assert!(self.display.press("alt+F4"), "{}: the window can be asked to close", self.journey);
    }

    /// Waits until this can be read somewhere; spaces of any kind are alike.
    pub async fn read(&self, text: &str) {
        self.until(&format!("`{text}` can be read"), &format!("read().includes(plain({}))", json!(text))).await;
    }

    /// Waits until this can be read nowhere.
    pub async fn gone(&self, text: &str) {
        self.until(&format!("`{text}` is gone"), &format!("!read().includes(plain({}))", json!(text))).await;
    }

    /// Waits until CSS finds something that is shown.
    pub async fn see(&self, selector: &str) {
        self.find("css", selector).await;
    }

    /// Whether this can be read now.
    pub async fn reads(&self, text: &str) -> bool {
        self.value(&format!("read().includes(plain({}))", json!(text))).await == json!(true)
    }

    /// Presses the button, tab, choice or item of a menu with these words, once it is free.
    pub async fn press(&self, label: &str) {
        self.click("pressed", label).await;
    }

    /// Clicks what CSS finds.
    pub async fn press_css(&self, selector: &str) {
        self.click("css", selector).await;
    }

    /// Clicks the row with these words, which puts the cursor there.
    pub async fn choose_row(&self, text: &str) {
        self.click("row", text).await;
    }

    /// Opens the row with these words.
    pub async fn open_row(&self, text: &str) {
        self.choose_row(text).await;
        self.keys(&Key::Enter).await;
    }

    /// Waits until a control with these words is there and locked, or not.
    pub async fn locked(&self, label: &str, locked: bool) {
        let script = format!("(found => found && free(found) !== {locked})(finders.control({}))", json!(label));
        self.until(&format!("`{label}` is {}", if locked { "locked" } else { "free" }), &script).await;
    }

    /// Writes into the field with that label, in place of what is there.
    pub async fn fill(&self, label: &str, text: &str) {
        self.click("field", label).await;
        self.chord(&[Key::Control], 'a').await;
        self.keys(&Key::Delete).await;
        let field = self.find("field", label).await;
        if let Err(error) = field.send_keys(text).await {
            self.fail(&format!("could not write into `{label}`: {error}")).await;
        }
        let script = format!("finders.field({})?.value === {}", json!(label), json!(text));
        self.until(&format!("`{label}` holds what was typed"), &script).await;
    }

    /// Presses keys, one after the other, wherever the focus is.
    pub async fn keys(&self, keys: &str) {
        let mut actions = KeyActions::new("keyboard".to_owned());
        for value in keys.chars() {
            actions = actions.then(KeyAction::Down { value }).then(KeyAction::Up { value });
        }
        self.perform(actions).await;
    }

    /// Presses a key while others are held.
    pub async fn chord(&self, held: &[Key], value: char) {
        let mut actions = KeyActions::new("keyboard".to_owned());
        for key in held {
            actions = actions.then(KeyAction::Down { value: (*key).into() });
        }
        actions = actions.then(KeyAction::Down { value }).then(KeyAction::Up { value });
        for key in held.iter().rev() {
            actions = actions.then(KeyAction::Up { value: (*key).into() });
        }
        self.perform(actions).await;
    }

    async fn perform(&self, actions: KeyActions) {
        if let Err(error) = self.client.perform_actions(actions).await {
            self.fail(&format!("could not press keys: {error}")).await;
        }
    }

    /// Takes the pointer off everything: rows stand still under it, and buttons look pressed.
    pub async fn point_away(&self) {
        let actions = MouseActions::new("mouse".to_owned());
        let actions = actions.then(PointerAction::MoveTo { duration: None, x: 2.0, y: 2.0 });
        if let Err(error) = self.client.perform_actions(actions).await {
            self.fail(&format!("could not move the pointer: {error}")).await;
        }
    }

    /// The value of an expression; `read()`, `plain(text)` and `finders` are at hand.
    pub async fn value(&self, expression: &str) -> Value {
        match self.client.execute(&format!("{PAGE}\nreturn {expression}"), vec![]).await {
            Ok(value) => value,
            Err(error) => self.fail(&format!("the page refuses `{expression}`: {error}")).await,
        }
    }

    /// Runs a script in the page; what it is given are its `arguments`.
    pub async fn run(&self, script: &str, arguments: &[Value]) {
        if let Err(error) = self.client.execute(script, arguments.to_vec()).await {
            self.fail(&format!("the page refuses a script: {error}")).await;
        }
    }

    /// Waits until an expression is true.
    pub async fn until(&self, what: &str, expression: &str) {
        let began = Instant::now();
        let script = format!("Boolean({expression})");
        while self.value(&script).await != json!(true) {
            if began.elapsed() > PATIENCE {
                self.fail(&format!("never came true: {what}")).await;
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// Saves the screen in both themes and both sizes as `target/screens/JOURNEY/NAME-WIDTH-THEME.png`.
    pub async fn shots(&self, name: &str) {
        self.point_away().await;
        for size in [NARROW, WIDE] {
            self.resize(size).await;
            for theme in ["light", "dark"] {
                self.wear(theme).await;
                self.drawn().await;
                let png = self.client.screenshot().await.expect("the window can be photographed");
                let path = screens(self.journey).join(format!("{name}-{}-{theme}.png", size.0));
                fs::write(path, png).expect("a screen can be saved");
            }
        }
    }

    /// Puts a theme on, without the user's choice being changed.
    pub async fn wear(&self, theme: &str) {
        let script = format!("document.documentElement.dataset.theme = {}", json!(theme));
        self.client.execute(&script, vec![]).await.expect("the theme can be put on");
    }

    /// Waits until what moves has come to rest and is on the screen, which a busy machine may delay.
    async fn drawn(&self) {
        tokio::time::sleep(STILL).await;
        self.client.execute_async(TWO_FRAMES, vec![]).await.expect("the page draws");
    }

    /// Fails where somebody who cannot see the screen, or the mouse, would be lost. In both themes.
    pub async fn accessible(&self, screen: &str) {
        let axe = fs::read_to_string(house().join(AXE)).expect("axe-core is there: `make setup` installs it");
        self.client.execute(&axe, vec![]).await.expect("axe-core can be loaded");
        for theme in ["light", "dark"] {
            self.wear(theme).await;
            self.drawn().await;
            let found = self.client.execute_async(AXE_RUN, vec![]).await.expect("axe-core runs");
            assert_eq!(found, json!([]), "{}: `{screen}` is not accessible ({theme})", self.journey);
        }
    }

    pub async fn resize(&self, (width, height): (u32, u32)) {
        let began = Instant::now();
        // A window that is only just being shown loses the wish.
        while !self.display.resize(TITLE, (width, height)) || !self.has_size(width, height).await {
            if began.elapsed() > PATIENCE {
                self.fail(&format!("the window does not become {width} x {height}")).await;
            }
        }
    }

    async fn has_size(&self, width: u32, height: u32) -> bool {
        let script = format!("innerWidth === {width} && innerHeight === {height}");
        for _ in 0..10 {
            if self.value(&script).await == json!(true) {
                return true;
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        false
    }

    /// Clicks what the finder finds, once it can be clicked.
    async fn click(&self, finder: &str, words: &str) {
        let began = Instant::now();
        loop {
            let element = self.find(finder, words).await;
            match element.click().await {
                Ok(()) => return,
                // It moved, or something came to lie over it, since it was found.
                Err(_) if began.elapsed() < PATIENCE => tokio::time::sleep(LOOK_AGAIN).await,
                Err(error) => self.fail(&format!("could not click {finder} `{words}`: {error}")).await,
            }
        }
    }

    async fn find(&self, finder: &str, words: &str) -> Element {
        let began = Instant::now();
        let script = format!("finders.{finder}({})", json!(words));
        loop {
            let found = self.value(&script).await;
            // By this name WebDriver hands elements over.
            if let Some(id) = found.get("element-6066-11e4-a52e-4f735466cecf").and_then(Value::as_str) {
                return Element::from_element_id(self.client.clone(), ElementRef::from(id.to_owned()));
            }
            if began.elapsed() > PATIENCE {
                self.fail(&format!("never came: {finder} `{words}`")).await;
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// Fails the journey with what is on the screen; the picture is taken when the window is dropped.
    async fn fail(&self, why: &str) -> ! {
        // An error says more below a button.
        let details =
            "[...document.querySelectorAll('button')].find((one) => one.innerText.trim() === 'Details')?.click()";
        self.client.execute(details, vec![]).await.ok();
        let text = self.client.execute("return document.body.innerText", vec![]).await;
        let text: String =
            text.unwrap_or_default().as_str().unwrap_or_default().chars().take(SCREEN_TEXT_MAX).collect();
        let trouble = self.client.execute("return window.queuescopeTrouble", vec![]).await.unwrap_or_default();
        let said = self.home().said();
        panic!("{}: {why}\n-- on screen:\n{text}\n-- in the console: {trouble:#}\n-- said:\n{said}", self.journey);
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        if self.driver.is_some() {
            self.display.photograph(&screens(self.journey).join("failed.png"));
        }
    }
}

/// The program that was built beside these tests, in the same profile.
pub fn program() -> PathBuf {
    let tests = std::env::current_exe().expect("a test knows where it is");
    let path = tests.parent().and_then(Path::parent).expect("tests lie below the program").join("queuescope");
    assert!(path.exists(), "{} is missing: `make test` and `make bench` build it first", path.display());
    path
}

/// The folder of the whole project.
pub fn house() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package lies in the house")
}

fn screens(journey: &str) -> PathBuf {
    let folder = house().join("target/screens").join(journey);
    fs::create_dir_all(&folder).expect("a folder for the screens can be made");
    folder
}

async fn connect(port: u16, home: &Home) -> Client {
    let options = json!({ "binary": program(), "args": [] });
    let capabilities = serde_json::Map::from_iter([("webkitgtk:browserOptions".to_owned(), options)]);
    let began = Instant::now();
    loop {
        let mut builder = ClientBuilder::new(HttpConnector::new());
        let connecting = builder.capabilities(capabilities.clone());
        match connecting.connect(&format!("http://127.0.0.1:{port}")).await {
            Ok(client) => return client,
            Err(error) if began.elapsed() > PATIENCE => panic!("the window did not open: {error}\n{}", home.said()),
            Err(_) => tokio::time::sleep(LOOK_AGAIN).await,
        }
    }
}
