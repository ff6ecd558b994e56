//! Which files the house has, and what kind each is.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

pub(crate) struct File {
    /// From the root of the house, with forward slashes.
    pub(crate) path: String,
    pub(crate) text: String,
}

/// Line (0: the whole file) and what is wrong with it.
pub(crate) type Complaints = Vec<(usize, String)>;

const CODE: &[&str] = &["rs", "ts", "js", "svelte", "css", "html"];
const NOT_TEXT: &[&str] = &["png", "ico", "icns", "woff2", "der", "p12"];
const NOT_OURS: &[&str] = &["target", "node_modules", "dist", "gen", ".git"];

pub(crate) fn has_ending(path: &str, endings: &[&str]) -> bool {
    path.rsplit_once('.').is_some_and(|(_, ending)| endings.contains(&ending))
}

pub(crate) fn is_text(path: &str) -> bool {
    !has_ending(path, NOT_TEXT)
}

pub(crate) fn is_code(path: &str) -> bool {
    has_ending(path, CODE)
}

/// Code that somebody wrote, rather than a program.
pub(crate) fn is_written_code(path: &str) -> bool {
    is_code(path) && !path.contains("/generated/")
}

/// Written code that a formatter wraps: the sentences in markup are not wrapped by anybody.
pub(crate) fn is_wrapped_code(path: &str) -> bool {
    is_written_code(path) && !path.ends_with(".svelte")
}

/// A file of tests only.
pub(crate) fn is_test(path: &str) -> bool {
    path.ends_with("/tests.rs") || path.ends_with("_tests.rs") || path.contains("/tests/")
}

/// Every file that is text: as git sees them, or where there is no git, all that is not built.
pub(crate) fn read_house() -> Vec<File> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package lies in the house");
    let mut paths = listed_by_git(root).unwrap_or_else(|| found_below(root));
    paths.sort();
    paths.dedup();
    let text_of = |path: String| {
        // A file that git still lists may be deleted already.
        let bytes = fs::read(root.join(&path)).ok()?;
        let text = String::from_utf8(bytes).unwrap_or_else(|_| panic!("{path} is not UTF-8"));
        Some(File { path, text })
    };
    paths.into_iter().filter(|path| is_text(path)).filter_map(text_of).collect()
}

fn listed_by_git(root: &Path) -> Option<Vec<String>> {
    let arguments = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
    let answer = Command::new("git").args(arguments).current_dir(root).output().ok()?;
    let paths: Vec<_> = String::from_utf8(answer.stdout).ok()?.split_terminator('\0').map(str::to_owned).collect();
    // A copy without a repository of its own may lie in somebody else's, which ignores it.
    (answer.status.success() && paths.iter().any(|path| path == "Cargo.toml")).then_some(paths)
}

fn found_below(root: &Path) -> Vec<String> {
    let mut folders = vec![PathBuf::new()];
    let mut paths = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(root.join(&folder)).expect("a folder of the house can be read").flatten() {
            let path = folder.join(entry.file_name());
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            match (is_folder, NOT_OURS.contains(&entry.file_name().to_string_lossy().as_ref())) {
                (true, false) => folders.push(path),
                (true, true) => {}
                (false, _) => paths.push(path.to_string_lossy().replace('\\', "/")),
            }
        }
    }
    paths
}

#[test]
fn without_git_the_same_files_are_found() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package lies in the house");
    let found = found_below(root);
    for path in ["Cargo.toml", "tests/tidy/house.rs", ".ci/run"] {
        assert!(found.iter().any(|found| found == path), "{path}");
    }
    assert!(!found.iter().any(|path| path.starts_with("target/")), "what is built is nobody's source");
}
