use crate::program::{Program, SANDBOX, names};

const SECRET: &str = "correct-horse-battery";

#[test]
fn a_password_on_the_command_line_is_refused_and_not_repeated() {
    let program = Program::new();
    let url = format!("amqp://support:{SECRET}@127.0.0.1:1/orders");
    let inside = format!("amqp://support@127.0.0.1:1/orders?management=http://support:{SECRET}@127.0.0.1:2");
    for arguments in [
        vec!["queues", "-c", &url],
        vec!["profiles", "add", "shop", &url],
        vec!["profiles", "test", &url],
        vec!["queues", &url],
        vec!["queues", "-c", &inside],
    ] {
        let ended = program.run(&arguments);
        ended.assert_refused(2, "password");
        assert!(!ended.err.contains(SECRET), "{arguments:?}: {}", ended.err);
    }
    assert_eq!(program.json(&["profiles", "list"]).len(), 1, "nothing was kept");
}

#[test]
fn a_password_comes_from_standard_input_or_a_file_and_is_kept_nowhere_else() {
    let program = Program::new();
    // Nobody listens there: what counts is that the password was read.
    let nowhere = "amqp://support@127.0.0.1:1/orders";
    program.run(&["queues", "-c", nowhere]).assert_refused(1, "password");
    let with_stdin = program.run_with(&["queues", "-c", nowhere, "--password-stdin"], SECRET, None);
    with_stdin.assert_refused(1, "127.0.0.1");
    let file = program.path("secret");
    std::fs::write(&file, format!("{SECRET}\n")).expect("a file");
    let with_file = program.run_with(&["queues", "-c", nowhere], "", Some(&file));
    with_file.assert_refused(1, "127.0.0.1");
    let missing = program.run_with(&["queues", "-c", nowhere], "", Some(&program.path("no such file")));
    missing.assert_refused(2, "QUEUESCOPE_PASSWORD_FILE");
    let empty = program.run_with(&["queues", "-c", nowhere, "--password-stdin"], "\n", None);
    empty.assert_refused(2, "there is no password");
    program.run_with(&["profiles", "add", "shop", nowhere, "--password-stdin"], SECRET, None);
    for ended in [with_stdin, with_file, program.done(&["--json", "profiles", "list"])] {
        assert!(!format!("{ended:?}").contains(SECRET), "{ended:?}");
    }
    assert_eq!(found_in(&program.path("data")), 0, "it is in no file");
}

/// How many files in that folder hold the secret.
fn found_in(folder: &std::path::Path) -> usize {
    let entries = std::fs::read_dir(folder).expect("a folder").flatten().map(|entry| entry.path());
    let holds = |path: std::path::PathBuf| {
        if path.is_dir() {
            return found_in(&path);
        }
        let bytes = std::fs::read(&path).unwrap_or_default();
        usize::from(bytes.windows(SECRET.len()).any(|window| window == SECRET.as_bytes()))
    };
    entries.map(holds).sum()
}

#[test]
fn a_profile_is_added_listed_tested_and_removed() {
    let program = Program::new();
    let added = program.json(&["profiles", "add", "shop", "sandbox:", "--environment", "staging"]);
    let wanted = "createdAt environment id kind name readOnly secret settings";
    assert_eq!(names(&added[0]).join(" "), wanted);
    assert_eq!((&added[0]["environment"], &added[0]["readOnly"]), (&"staging".into(), &true.into()), "protected");
    let listed = program.json(&["profiles", "list"]);
    let listed: Vec<_> = listed.iter().map(|profile| profile["name"].as_str().expect("a name")).collect();
    assert_eq!(listed, [SANDBOX, "shop"]);
    let steps = program.json(&["profiles", "test", "SHOP"]);
    assert_eq!(names(&steps[0]).join(" "), "detail name outcome remedy tookMs");
    assert!(steps.iter().all(|step| step["outcome"] == "passed"), "{steps:?}");
    assert_eq!(program.run(&["profiles", "test", "amqp://guest@127.0.0.1:1"]).code, 1, "nobody listens there");
    program.run(&["profiles", "add", "shop", "sandbox:"]).assert_refused(2, "already");
    program.run(&["profiles", "add", "fax", "fax://1"]).assert_refused(2, "no kind of broker");
    program.done(&["profiles", "remove", "shop"]);
    program.run(&["profiles", "remove", "shop"]).assert_refused(1, "there is no profile `shop`");
    program.run(&["queues", "-c", "shop"]).assert_refused(1, "there is no profile `shop`");
}

#[test]
fn an_address_is_not_listed_as_a_profile() {
    let program = Program::new();
    program.done(&["profiles", "remove", SANDBOX]);
    program.done(&["peek", "-c", "sandbox:", "orders.dead", "-n", "1"]);
    assert_eq!(program.json(&["profiles", "list"]).len(), 0);
    assert_eq!(program.json(&["activity"])[0]["profileName"], "sandbox:");
}

#[test]
fn what_makes_no_sense_ends_with_2_and_says_so_on_standard_error() {
    let program = Program::new();
    for arguments in [
        vec!["what"],
        vec!["queues"],
        vec!["peek", "-c", "sandbox:"],
        vec!["peek", "-c", "sandbox:", "orders.dead", "-n", "0"],
        vec!["capture", "-c", "sandbox:", "orders.dead", "-n", "1", "--all"],
        vec!["publish", "-c", "sandbox:"],
        vec!["publish", "-c", "sandbox:", "--queue", "a", "--exchange", "b"],
        vec!["publish", "-c", "sandbox:", "--queue", "a", "--header", "no value"],
        vec!["publish", "-c", "sandbox:", "--queue", "a", "--body", "-", "--password-stdin"],
        vec!["redrive", "-c", "sandbox:", "a", "--to-queue", "b", "--to-exchange", "c"],
    ] {
        let ended = program.run(&arguments);
        assert_eq!((ended.code, ended.out.as_str()), (2, ""), "{arguments:?}: {ended:?}");
        assert!(!ended.err.is_empty(), "{arguments:?}");
    }
}

#[test]
fn help_completions_and_the_man_page_need_no_data_folder() {
    let program = Program::new();
    for (arguments, holds) in [
        (vec!["--help"], "Examples:"),
        (vec!["redrive", "--help"], "--dry-run"),
        (vec!["--version"], "qscope "),
        (vec!["completions", "bash"], "_qscope"),
        (vec!["completions", "zsh"], "#compdef qscope"),
        (vec!["man"], ".TH qscope 1"),
    ] {
        let ended = program.done(&arguments);
        assert!(ended.out.contains(holds), "{arguments:?} does not hold `{holds}`: {}", ended.out);
    }
    let pages = program.path("pages");
    std::fs::create_dir(&pages).expect("a folder");
    program.done(&["man", "--dir", pages.to_str().expect("a path")]);
    assert!(pages.join("qscope-redrive.1").exists(), "every command has a page");
    assert!(!program.path("data").exists(), "nothing was kept for that");
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let program = Program::new();
    let file = program.path("file");
    std::fs::write(&file, "x").expect("a file");
    let inside = file.join("data");
    let ended = program.run(&["--data-dir", inside.to_str().expect("a path"), "profiles", "list"]);
    ended.assert_refused(1, "could not write to the data folder");
}
