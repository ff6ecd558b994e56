//! House rules that a compiler cannot check. Each rule carries what breaks it and what does not, and is tried on both
//! before it is trusted with the house; a rule that sees no file, and an exception that nobody needs, are defects too.

#[path = "tidy/house.rs"]
mod house;
#[path = "tidy/manifests.rs"]
mod manifests;
#[path = "tidy/sources.rs"]
mod sources;

use house::{Complaints, File, has_ending, is_code, is_test, is_text, is_wrapped_code, is_written_code, read_house};
use manifests::{
    capabilities_of, capability, content_security, dependencies, pinned_bindings, pinned_cli, unlisted_capabilities,
};
use sources::{
    contains, doors, file_length, hidden_characters, lacks, line_length, nobodys_folders, raw_colours, skipped_tests,
    vague_names, vendor_words, words,
};

const LINES_MAX: usize = 500;
/// rustfmt wraps code at 120; comments and markup that it cannot wrap may reach so far.
const COLUMNS_MAX: usize = 130;
const TAURI_CLI: &str = "2.12.3";

/// What only some rooms may name: the words, the beginnings of the paths that may, and why.
const DOORS: &[(&str, &[&str], &str)] = &[
    ("@tauri-apps", &["ui/src/ipc/", "tests/"], "the window speaks to Rust through ui/src/ipc alone"),
    ("tauri::", &["src-tauri/src/"], "only the shell knows Tauri"),
    ("tauri_plugin", &["src-tauri/src/"], "only the shell knows Tauri"),
    ("tauri_specta", &["src-tauri/src/"], "only the shell knows Tauri"),
    ("rusqlite::", &[STORE, CAPTURES, "tests/"], "SQL belongs to the workbench's store and to the files of captures"),
    ("rusqlite_migration::", &[STORE], "SQL belongs to the workbench's store"),
    ("keyring::", &[STORE], "the keychain belongs to the workbench's store"),
    ("lapin::", &[RABBITMQ, "tests/"], "AMQP does not leave its adapter"),
    ("reqwest::", &[RABBITMQ, "tests/"], "HTTP does not leave its adapter"),
    (".basic_get(", &["tests/"], "it shuffles quorum queues: consume instead"),
    (".basic_reject(", &["tests/"], "it moves messages to the tail: cancel and give back instead"),
    (".wait_for_confirms(", &["tests/"], "it returns with others still open: await every confirm"),
];
const STORE: &str = "src-tauri/crates/workbench/src/store";
const CAPTURES: &str = "src-tauri/crates/workbench/src/captures/";
const RABBITMQ: &str = "src-tauri/crates/rabbitmq/";

/// Of our crates and of those that open a door: which may be depended on by whom. Tests of a crate may use any.
const MAY_DEPEND_ON: &[(&str, &[&str])] = &[
    ("src-tauri/crates/broker", &[]),
    ("src-tauri/crates/sandbox", &["broker"]),
    ("src-tauri/crates/rabbitmq", &["broker", "lapin", "reqwest"]),
    ("src-tauri/crates/workbench", &["broker", "rusqlite", "rusqlite_migration", "keyring"]),
    ("src-tauri/crates/cli", &["broker", "sandbox", "rabbitmq", "workbench"]),
    ("src-tauri", &["broker", "sandbox", "rabbitmq", "workbench", "tauri"]),
    ("tests", &["broker", "sandbox", "rabbitmq", "workbench", "lapin", "reqwest", "rusqlite"]),
];

const VENDORS: &[&str] = &["rabbit", "amqp", "lapin", "sqs", "kafka"];
const VAGUE: &[&str] = &["Manager", "Service", "Helper", "Util"];
const REGISTRY_HOSTS: &[&str] =
    &["registry.npmjs.org", "static.crates.io", "index.crates.io", "deb.debian.org", "archive.ubuntu.com"];
/// Where people and build machines keep their checkouts.
const FOLDERS: &[&str] = &["/home/", "/Users/", "/root/", "/work/", "/workspace/", "/builds/"];
const SKIPS_IN_RUST: &[&str] = &["#[ignore"];
const SKIPS_IN_TYPESCRIPT: &[&str] = &[".skip(", ".only(", "test.todo", "it.todo", "xit(", "xdescribe("];

/// Rule, path, reason. The path is a whole file.
const EXCEPTIONS: &[(&str, &str, &str)] = &[
    ("unfinished", "tests/tidy.rs", "holds the samples"),
    ("skipped tests", "tests/tidy.rs", "holds the samples"),
    ("doors", "tests/tidy.rs", "holds the samples"),
    ("no switched-off WebKit", "tests/tidy.rs", "holds the samples"),
    ("no registry hosts", "tests/tidy.rs", "holds the samples"),
    ("nobody's folders", "tests/tidy.rs", "holds the samples"),
    ("vague names", "tests/tidy.rs", "holds the samples"),
];

/// A path and what could stand there.
type Sample = (&'static str, &'static str);

struct Rule {
    name: &'static str,
    sees: fn(&str) -> bool,
    check: fn(&File) -> Complaints,
    bad: &'static [Sample],
    good: &'static [Sample],
}

const RULES: &[Rule] = &[
    Rule { name: "file length", sees: is_written_code, check: file_length, bad: &[], good: &[("a.rs", "one\n")] },
    Rule { name: "line length", sees: is_wrapped_code, check: line_length, bad: &[], good: &[("a.rs", "one\n")] },
    Rule {
        name: "doors",
        sees: is_code,
        check: doors,
        bad: &[
            ("ui/src/features/a.ts", "import { invoke } from \"@tauri-apps/api/core\";"),
            ("ui/src/shell/A.svelte", "import { invoke } from '@tauri-apps/api/core';"),
            ("src-tauri/crates/workbench/src/jobs.rs", "use tauri::State;"),
            ("src-tauri/crates/workbench/src/jobs.rs", "let db = rusqlite::Connection::open(path)?;"),
            ("src-tauri/src/main.rs", "use keyring::Entry;"),
            ("src-tauri/crates/sandbox/src/lib.rs", "use lapin::Channel;"),
            ("src-tauri/crates/workbench/src/lib.rs", "reqwest::get(url)"),
            ("src-tauri/crates/rabbitmq/src/lease.rs", "channel.basic_get(queue, options)"),
        ],
        good: &[
            ("ui/src/ipc/tauri.ts", "import { invoke } from \"@tauri-apps/api/core\";"),
            ("src-tauri/src/lib.rs", "use tauri::State;"),
            ("src-tauri/crates/workbench/src/store/jobs.rs", "use rusqlite::Connection;"),
            ("src-tauri/crates/rabbitmq/src/lease.rs", "use lapin::Channel;"),
            ("tests/support/amqp.rs", "channel.basic_get(queue, lapin::options::BasicGetOptions::default())"),
        ],
    },
    Rule {
        name: "no vendors in the workbench",
        sees: |path| path.starts_with("src-tauri/crates/workbench/src/") && path.ends_with(".rs") && !is_test(path),
        check: vendor_words,
        bad: &[
            ("src-tauri/crates/workbench/src/a.rs", "if kind == \"rabbitmq\" {"),
            ("src-tauri/crates/workbench/src/a.rs", "// as AMQP does it"),
            ("src-tauri/crates/workbench/src/a.rs", "mod sqs;"),
            ("src-tauri/crates/workbench/src/a.rs", "#[cfg(test)]\nmod tests;\nfn rabbit() {}"),
        ],
        good: &[("src-tauri/crates/workbench/src/a.rs", "fn a() {}\n#[cfg(test)]\nmod tests {\n    // rabbit\n}")],
    },
    Rule {
        name: "raw colours",
        sees: |path| path.starts_with("ui/") && has_ending(path, &["ts", "svelte", "css", "html"]),
        check: raw_colours,
        bad: &[
            ("ui/src/a.css", "a { color: #fff; }"),
            ("ui/src/a.css", "a { color: rgba(0, 0, 0, .5) }"),
            ("ui/src/A.svelte", "<p>\n<style>\np { color: #a0B1c2 }\n</style>"),
            ("ui/src/A.svelte", "<path fill=\"#abc\" />"),
            ("ui/src/a.ts", "const line = \"1px solid #12345678\";"),
            ("ui/src/a.ts", "return `hsl(${hue} 50% 50%)`;"),
        ],
        good: &[
            ("ui/src/kit/tokens.css", ":root { --fg: #e8ebef; }"),
            ("ui/src/a.css", "a { color: var(--fg); }"),
            ("ui/src/a.svelte.ts", "  #dead = $state.raw([]);\n  get dead() { return this.#dead; }"),
            ("ui/src/A.svelte", "{#each rows as row}&#160;{/each}"),
        ],
    },
    Rule {
        name: "unfinished",
        sees: is_text,
        check: |file| words(file, &["TODO", "FIXME", "XXX", "todo!", "unimplemented!"], "finish it, or write an issue"),
        bad: &[("a.rs", "// TODO: later"), ("a.ts", "/* FIXME */"), ("a.rs", "fn a() { todo!() }"), ("a.md", "XXX")],
        good: &[("a.sh", "mktemp /tmp/a.XXXXXX"), ("a.rs", "let todo = 1;")],
    },
    Rule {
        name: "skipped tests",
        sees: is_code,
        check: skipped_tests,
        bad: &[
            ("a.rs", "#[ignore]"),
            ("a.rs", "#[ignore = \"slow\"]"),
            ("a.test.ts", "it.skip(\"waits\", () => {})"),
            ("a.test.ts", "describe.only(\"a\", () => {})"),
            ("a.test.ts", "test.todo(\"later\")"),
        ],
        good: &[("a.rs", "rows.iter().skip(3)"), ("a.test.ts", "it(\"skips what is empty\", () => {})")],
    },
    Rule {
        name: "vague names",
        sees: is_written_code,
        check: vague_names,
        bad: &[
            ("a.rs", "pub struct QueueManager {"),
            ("a.ts", "export class ManagerOfQueues {"),
            ("a.ts", "interface JobServices {"),
            ("ui/src/utils.ts", ""),
            ("src-tauri/src/helpers/a.rs", ""),
        ],
        good: &[("a.rs", "pub struct Futility;"), ("a.rs", "let manager = 1;")],
    },
    Rule {
        name: "who may depend on whom",
        sees: |path| path.ends_with("/Cargo.toml"),
        check: dependencies,
        bad: &[
            ("src-tauri/crates/workbench/Cargo.toml", "[dependencies]\nrabbitmq.workspace = true\n"),
            ("src-tauri/crates/workbench/Cargo.toml", "[dependencies.tauri]\nworkspace = true\n"),
            ("src-tauri/crates/broker/Cargo.toml", "[dependencies]\nworkbench = { workspace = true }\n"),
            ("src-tauri/crates/sandbox/Cargo.toml", "[target.'cfg(unix)'.dependencies]\nlapin.workspace = true\n"),
            ("src-tauri/crates/nobody/Cargo.toml", "[dependencies]\n"),
            ("src-tauri/crates/broker/Cargo.toml", "[dependencies]\nserde = \"1\"\n"),
        ],
        good: &[
            ("src-tauri/crates/workbench/Cargo.toml", "[dependencies]\nbroker.workspace = true\n"),
            ("src-tauri/crates/workbench/Cargo.toml", "[dev-dependencies]\nsandbox.workspace = true\n"),
        ],
    },
    Rule {
        name: "lints are shared",
        sees: |path| path.ends_with("/Cargo.toml"),
        check: |file| lacks(file, "[lints]\nworkspace = true", "the crate does not take the workspace's lints"),
        bad: &[("src-tauri/Cargo.toml", "[lints]\n"), ("src-tauri/Cargo.toml", "")],
        good: &[("src-tauri/Cargo.toml", "[lints]\nworkspace = true\n")],
    },
    Rule {
        name: "pinned bindings",
        sees: |path| path == "Cargo.toml",
        check: pinned_bindings,
        bad: &[
            ("Cargo.toml", "[workspace.dependencies]\nspecta = { version = \"2.0.0-rc.26\" }\n"),
            ("Cargo.toml", "[workspace.dependencies]\nspecta-typescript = \"0.0.13\"\n"),
        ],
        good: &[(
            "Cargo.toml",
            "[workspace.dependencies]\nspecta = { version = \"=2.0.0-rc.26\" }\nspecta-typescript = \"=0.0.13\"\n",
        )],
    },
    Rule {
        name: "pinned Tauri command line",
        sees: |path| path == "ui/package.json",
        check: pinned_cli,
        bad: &[
            ("ui/package.json", "{\"devDependencies\":{\"@tauri-apps/cli\":\"^2.12.3\"}}"),
            ("ui/package.json", "{\"devDependencies\":{}}"),
        ],
        good: &[("ui/package.json", "{\"devDependencies\":{\"@tauri-apps/cli\":\"2.12.3\"}}")],
    },
    Rule {
        name: "no download addresses in the lock file",
        sees: |path| path.ends_with("package-lock.json"),
        check: |file| words(file, &["\"resolved\""], "set omit-lockfile-registry-resolved=true in .npmrc"),
        bad: &[("ui/package-lock.json", "  \"resolved\": \"https://example.org/a.tgz\",")],
        good: &[("ui/package-lock.json", "  \"integrity\": \"sha512-\",")],
    },
    Rule {
        name: "strict content security",
        sees: |path| path == "src-tauri/tauri.conf.json",
        check: content_security,
        bad: &[
            ("src-tauri/tauri.conf.json", "{"),
            ("src-tauri/tauri.conf.json", "{\"app\":{\"security\":{\"csp\":null}}}"),
            ("src-tauri/tauri.conf.json", "{\"app\":{\"security\":{\"csp\":\"script-src 'self'\"}}}"),
            (
                "src-tauri/tauri.conf.json",
                "{\"app\":{\"security\":{\"csp\":\"default-src 'self'; script-src 'self' 'unsafe-eval'\"}}}",
            ),
            (
                "src-tauri/tauri.conf.json",
                "{\"app\":{\"security\":{\"csp\":{\"default-src\":[\"'self'\",\"https://example.org\"]}}}}",
            ),
            ("src-tauri/tauri.conf.json", "{\"app\":{\"security\":{\"csp\":\"default-src 'self' 'unsafe-inline'\"}}}"),
            (
                "src-tauri/tauri.conf.json",
                "{\"app\":{\"withGlobalTauri\":true,\"security\":{\"csp\":\"default-src 'self'\"}}}",
            ),
        ],
        good: &[(
            "src-tauri/tauri.conf.json",
            "{\"app\":{\"security\":{\"csp\":{\"default-src\":\"'self'\",\"style-src\":\"'self' 'unsafe-inline'\",\
             \"connect-src\":\"ipc: http://ipc.localhost\"}}}}",
        )],
    },
    Rule {
        name: "capabilities one by one",
        sees: |path| path.starts_with("src-tauri/capabilities/") && path.ends_with(".json"),
        check: capability,
        bad: &[
            ("src-tauri/capabilities/a.json", "{\"identifier\":\"a\",\"permissions\":[\"core:default\"]}"),
            ("src-tauri/capabilities/a.json", "{\"identifier\":\"a\",\"permissions\":[\"fs:allow-read\"]}"),
            ("src-tauri/capabilities/a.json", "{\"identifier\":\"a\",\"remote\":{\"urls\":[]},\"permissions\":[]}"),
        ],
        good: &[("src-tauri/capabilities/a.json", "{\"identifier\":\"a\",\"permissions\":[\"dialog:allow-save\"]}")],
    },
    Rule {
        name: "no switched-off WebKit",
        sees: is_text,
        check: |file| contains(file, &["WEBKIT_DISABLE_"], "it makes screenshots hang; leave WebKit as it is"),
        bad: &[("Makefile", "run: export WEBKIT_DISABLE_COMPOSITING_MODE=1")],
        good: &[("Makefile", "run: export WEBKIT_DEBUG=1")],
    },
    Rule {
        name: "no hidden characters",
        sees: is_text,
        check: hidden_characters,
        bad: &[
            ("a.rs", "if admin\u{202e} {"),
            ("a.md", "zero\u{200b}width"),
            ("a.ts", "a\r\n"),
            ("a.css", "\u{feff}a"),
        ],
        good: &[("a.rs", "\tlet ü = '🐇';\n")],
    },
    Rule {
        name: "no registry hosts",
        sees: |path| is_text(path) && path != "Cargo.lock",
        check: |file| {
            contains(file, REGISTRY_HOSTS, "every machine has mirrors of its own: leave the host to its settings")
        },
        bad: &[
            ("ui/.npmrc", "registry=https://registry.npmjs.org/"),
            ("a.sh", "echo deb http://deb.debian.org/debian"),
        ],
        good: &[("README.md", "see https://rustup.rs")],
    },
    Rule {
        name: "nobody's folders",
        sees: is_text,
        check: nobodys_folders,
        bad: &[("docs/a.md", "run it in /home/anna/queuescope"), ("a.rs", "\"/root/.cargo\""), ("a.sh", "cd /work/a")],
        good: &[("docs/a.md", "run it in ui/src/home/ or ~/queuescope")],
    },
];

#[test]
fn every_rule_complains_of_what_breaks_it_and_of_nothing_else() {
    for rule in RULES {
        for (path, text) in rule.bad {
            let file = File { path: (*path).into(), text: (*text).into() };
            assert!((rule.sees)(path), "`{}` does not even look at {path}", rule.name);
            assert!(!(rule.check)(&file).is_empty(), "`{}` lets through: {path}: {text}", rule.name);
        }
        for (path, text) in rule.good {
            let file = File { path: (*path).into(), text: (*text).into() };
            let complaints = if (rule.sees)(path) { (rule.check)(&file) } else { Vec::new() };
            assert!(complaints.is_empty(), "`{}` complains of {path}: {text}: {complaints:?}", rule.name);
        }
    }
}

#[test]
fn long_files_and_long_lines_are_noticed() {
    let lines = |n: usize| File { path: "a.rs".into(), text: "x\n".repeat(n) };
    assert!(file_length(&lines(LINES_MAX)).is_empty());
    assert!(!file_length(&lines(LINES_MAX + 1)).is_empty());
    let line = |text: String| File { path: "a.rs".into(), text };
    assert!(line_length(&line("ä".repeat(COLUMNS_MAX))).is_empty(), "columns, not bytes");
    assert!(!line_length(&line("x".repeat(COLUMNS_MAX + 1))).is_empty());
    assert!(line_length(&line(format!("say(\"{}\")", "x".repeat(COLUMNS_MAX)))).is_empty(), "text is not broken up");
}

#[test]
fn a_capability_that_the_configuration_does_not_list_is_noticed() {
    let conf = |list: &str| format!("{{\"app\":{{\"security\":{{\"capabilities\":{list}}}}}}}");
    assert!(unlisted_capabilities(&conf("[\"main\"]"), &["main".into()]).is_empty());
    for list in ["[]", "[\"other\"]", "[\"main\",\"other\"]", "null"] {
        assert!(!unlisted_capabilities(&conf(list), &["main".into()]).is_empty(), "{list}");
    }
}

#[test]
fn the_house_is_tidy() {
    let house = read_house();
    let mut complaints = Vec::new();
    let mut needed = vec![false; EXCEPTIONS.len()];
    for rule in RULES {
        let seen: Vec<_> = house.iter().filter(|file| (rule.sees)(&file.path)).collect();
        if seen.is_empty() {
            complaints
                .push(format!("{}: no file to look at: something is missing, or the rule is out of date", rule.name));
        }
        for file in seen {
            let found = (rule.check)(file);
            let exception = EXCEPTIONS.iter().position(|(name, path, _)| *name == rule.name && *path == file.path);
            match exception {
                Some(n) => needed[n] |= !found.is_empty(),
                None => complaints
                    .extend(found.into_iter().map(|(line, why)| format!("{}:{line}: {}: {why}", file.path, rule.name))),
            }
        }
    }
    for ((rule, path, _), needed) in EXCEPTIONS.iter().zip(needed) {
        if !needed {
            complaints.push(format!("{path}: nobody needs the exception from `{rule}` any more"));
        }
    }
    complaints.extend(capabilities_of(&house));
    assert!(complaints.is_empty(), "{} things are untidy\n{}", complaints.len(), complaints.join("\n"));
}
