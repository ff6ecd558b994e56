//! Rules about single lines of source.

use crate::house::{Complaints, File, has_ending};
use crate::{COLUMNS_MAX, DOORS, FOLDERS, LINES_MAX, SKIPS_IN_RUST, SKIPS_IN_TYPESCRIPT, VAGUE, VENDORS};

fn lines(file: &File) -> impl Iterator<Item = (usize, &str)> {
    file.text.lines().enumerate().map(|(n, line)| (n + 1, line))
}

fn is_part_of_word(letter: Option<char>) -> bool {
    letter.is_some_and(|letter| letter.is_alphanumeric() || letter == '_')
}

/// Whether `line` has `word` with nothing grown onto it.
fn has_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let begins = word.starts_with(|letter: char| !letter.is_alphanumeric()) || !before(line, at);
        let ends = word.ends_with(|letter: char| !letter.is_alphanumeric())
            || !is_part_of_word(line[at + word.len()..].chars().next());
        begins && ends
    })
}

/// Whether a word goes on to the left of `at`.
fn before(line: &str, at: usize) -> bool {
    is_part_of_word(line[..at].chars().next_back())
}

fn complain(file: &File, breaks: impl Fn(&str) -> Option<String>) -> Complaints {
    lines(file).filter_map(|(n, line)| breaks(line).map(|why| (n, why))).collect()
}

/// None of these words, whole.
pub(crate) fn words(file: &File, words: &[&str], why: &str) -> Complaints {
    complain(file, |line| {
        let word = words.iter().find(|word| has_word(line, word))?;
        Some(format!("`{word}`: {why}"))
    })
}

/// None of these, not even as a part of a word.
pub(crate) fn contains(file: &File, parts: &[&str], why: &str) -> Complaints {
    complain(file, |line| {
        let part = parts.iter().find(|part| line.contains(**part))?;
        Some(format!("`{part}`: {why}"))
    })
}

/// This must be there.
pub(crate) fn lacks(file: &File, part: &str, why: &str) -> Complaints {
    if file.text.contains(part) { Vec::new() } else { vec![(0, why.into())] }
}

pub(crate) fn file_length(file: &File) -> Complaints {
    let count = file.text.lines().count();
    if count <= LINES_MAX { Vec::new() } else { vec![(0, format!("{count} lines, {LINES_MAX} at most: split it"))] }
}

pub(crate) fn line_length(file: &File) -> Complaints {
    complain(file, |line| {
        let columns = columns_outside_text(line);
        (columns > COLUMNS_MAX).then(|| format!("{columns} columns, {COLUMNS_MAX} at most"))
    })
}

/// How wide the line is without what stands in quotes: no formatter breaks that.
fn columns_outside_text(line: &str) -> usize {
    let mut open = None;
    let mut escaped = false;
    let mut columns = 0;
    for letter in line.chars() {
        match open {
            Some(quote) => {
                if letter == quote && !escaped {
                    open = None;
                }
                escaped = letter == '\\' && !escaped;
            }
            None => {
                columns += 1;
                open = matches!(letter, '"' | '`').then_some(letter);
            }
        }
    }
    // A quote that is never closed was none.
    if open.is_some() { line.chars().count() } else { columns }
}

pub(crate) fn doors(file: &File) -> Complaints {
    complain(file, |line| {
        let (door, _, why) = DOORS
            .iter()
            .find(|(door, rooms, _)| has_word(line, door) && !rooms.iter().any(|room| file.path.starts_with(room)))?;
        Some(format!("`{door}`: {why}"))
    })
}

pub(crate) fn vendor_words(file: &File) -> Complaints {
    let mut complaints = Vec::new();
    let mut cfg_test = false;
    for (n, line) in lines(file) {
        // From here on, tests: they stand at the end of a file.
        if cfg_test && line.starts_with("mod ") && line.ends_with('{') {
            break;
        }
        cfg_test = line.trim() == "#[cfg(test)]" || (cfg_test && line.starts_with("#["));
        let lower = line.to_lowercase();
        if let Some(vendor) = VENDORS.iter().find(|vendor| lower.contains(**vendor)) {
            complaints.push((n, format!("`{vendor}`: the workbench names no vendor; ask the rules or the driver")));
        }
    }
    complaints
}

pub(crate) fn skipped_tests(file: &File) -> Complaints {
    let skips = if has_ending(&file.path, &["rs"]) { SKIPS_IN_RUST } else { SKIPS_IN_TYPESCRIPT };
    contains(file, skips, "a test runs, or it is not there")
}

pub(crate) fn vague_names(file: &File) -> Complaints {
    let mut complaints = complain(file, |line| {
        let mut tokens = line.split(|letter: char| !is_part_of_word(Some(letter))).filter(|token| !token.is_empty());
        let is_kind = |token: &&str| matches!(*token, "struct" | "enum" | "trait" | "type" | "class" | "interface");
        tokens.find(is_kind)?;
        let name = tokens.next()?;
        VAGUE.iter().any(|word| has_camel_word(name, word)).then(|| format!("`{name}` says nothing: name what it does"))
    });
    for part in file.path.split('/') {
        let stem = part.split('.').next().unwrap_or(part);
        let singular = stem.strip_suffix('s').unwrap_or(stem);
        if VAGUE.iter().any(|word| word.eq_ignore_ascii_case(singular)) {
            complaints.push((0, format!("`{part}` says nothing: name what is in it")));
        }
    }
    complaints
}

fn has_camel_word(name: &str, word: &str) -> bool {
    name.match_indices(word).any(|(at, _)| {
        let rest = &name[at + word.len()..];
        let rest = rest.strip_prefix('s').unwrap_or(rest);
        !rest.starts_with(|letter: char| letter.is_lowercase())
    })
}

pub(crate) fn raw_colours(file: &File) -> Complaints {
    if file.path == "ui/src/kit/tokens.css" {
        return Vec::new();
    }
    let mut in_styles = has_ending(&file.path, &["css"]);
    let mut complaints = Vec::new();
    for (n, line) in lines(file) {
        in_styles = (in_styles || line.contains("<style")) && !line.contains("</style");
        if let Some(colour) = raw_colour(line, in_styles) {
            complaints.push((n, format!("`{colour}`: colours have names, in ui/src/kit/tokens.css")));
        }
    }
    complaints
}

fn raw_colour(line: &str, in_styles: bool) -> Option<&str> {
    const FUNCTIONS: &[&str] = &["rgb(", "rgba(", "hsl(", "hsla(", "hwb(", "oklch(", "oklab("];
    if let Some(function) = FUNCTIONS.iter().find(|function| has_word(line, function)) {
        return Some(function);
    }
    line.match_indices('#').find_map(|(at, _)| {
        let rest = &line[at + 1..];
        let digits = rest.find(|letter: char| !letter.is_ascii_hexdigit()).unwrap_or(rest.len());
        let is_longer = rest[digits..].starts_with(|letter: char| letter.is_alphanumeric() || "_-".contains(letter));
        // A character reference; in code a private field, unless it stands in text.
        let is_reference = line[..at].ends_with('&');
        let in_text = line[..at].matches(['"', '\'', '`']).count() % 2 == 1;
        let is_colour = matches!(digits, 3 | 4 | 6 | 8) && !is_longer && !is_reference && (in_styles || in_text);
        is_colour.then(|| &line[at..=at + digits])
    })
}

pub(crate) fn hidden_characters(file: &File) -> Complaints {
    // Not by lines: those would swallow a carriage return.
    file.text
        .split('\n')
        .enumerate()
        .filter_map(|(n, line)| {
            let hidden = line.chars().find(|letter| is_hidden(*letter))?;
            Some((n + 1, format!("a hidden character, U+{:04X}: write it as an escape", u32::from(hidden))))
        })
        .collect()
}

fn is_hidden(letter: char) -> bool {
    (letter.is_control() && letter != '\t')
        || matches!(letter, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

pub(crate) fn nobodys_folders(file: &File) -> Complaints {
    complain(file, |line| {
        let folder = FOLDERS.iter().find(|folder| {
            line.match_indices(**folder).any(|(at, _)| {
                // The middle of a longer path, or of an address.
                !line[..at].ends_with(|letter: char| letter.is_alphanumeric() || "_-.~}".contains(letter))
            })
        })?;
        Some(format!("`{folder}`: a path of one machine means nothing on another"))
    })
}
