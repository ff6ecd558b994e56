//! A jq program, compiled once and run on many bodies. Its numbers, and why names keep their order, are told where the
//! step is declared; why that takes more than calling jaq, in `order`.

use std::cell::Cell;

use jaq_core::load::parse::Def;
use jaq_core::load::{Arena, File, Lexer, Loader, Parser};
use jaq_core::native::Fun;
use jaq_core::{Compiler, Ctx, DataT, Filter, Lut, Vars, data::HasLut, unwrap_valr};
use jaq_json::{Val, read, write};

use super::{json, order};

/// Of a program. What reads it needs room on the stack for every byte.
const PROGRAM_BYTES_MAX: usize = 8192;
/// What reaches out of the message, ends the process, or differs from one computer to the next.
const ABSENT: [&str; 5] = ["env", "halt", "halt_error", "localtime", "strflocaltime"];
/// The program as a filter of its own, and all that is called.
const PROGRAM: &str = "queuescope__program";

/// How programs are run here.
pub(super) struct Run;

/// What a run has at hand.
#[derive(Clone)]
pub(super) struct Hand<'a> {
    lut: &'a Lut<Run>,
    /// Whether anything was marked to be taken out.
    pub(super) marked: &'a Cell<bool>,
}

impl DataT for Run {
    type V<'a> = Val;
    type Data<'a> = Hand<'a>;
}

impl<'a> HasLut<'a, Run> for Hand<'a> {
    fn lut(&self) -> &'a Lut<Run> {
        self.lut
    }
}

pub(in crate::edits) struct Program {
    text: String,
    filter: Filter<Run>,
}

impl Program {
    pub(super) fn compile(text: &str) -> Result<Self, String> {
        if text.len() > PROGRAM_BYTES_MAX {
            return Err(format!("a program has at most {PROGRAM_BYTES_MAX} bytes"));
        }
        let tokens = Lexer::new(text).lex().map_err(|errors| {
            first(text, errors, |(expected, at)| (at, format!("a {} is missing", expected.as_str())))
        })?;
        let parsed = Parser::new(&tokens).parse(|parser| parser.term());
        let program = parsed.map_err(|errors| {
            first(text, errors, |(expected, found)| {
                (found.map_or("", |token| token.0), format!("{} is expected", expected.as_str()))
            })
        })?;
        let mut all: Vec<Def<&str>> = definitions().collect();
        all.push(Def { name: PROGRAM, args: Vec::new(), body: order::kept(program) });
        let arena = Arena::default();
        let main = File { code: PROGRAM, path: () };
        let loaded = Loader::new(all).load(&arena, main);
        let modules = loaded.map_err(|_| "it cannot be loaded".to_owned())?;
        let compiled = Compiler::default().with_funs(natives()).compile(modules);
        let filter = compiled.map_err(|files| {
            let errors = files.into_iter().flat_map(|(_, errors)| errors).collect();
            first(text, errors, |(name, what)| {
                (name, format!("there is no {} `{name}`{}", what.as_str(), arity(&what)))
            })
        })?;
        Ok(Self { text: text.to_owned(), filter })
    }

    /// The program's one result; `None`: it changes nothing. The error holds nothing of the body but what kind of value
    /// something is, and what the program itself says.
    pub(super) fn run(&self, body: &str) -> Result<Option<String>, String> {
        let not_json = |why| format!("its body is not JSON that can be edited: {why}");
        json::check(body).map_err(not_json)?;
        let value = read::parse_single(body.as_bytes()).map_err(|_| not_json("it cannot be read".to_owned()))?;
        let before = written(&value)?;
        let marked = Cell::new(false);
        let context = Ctx::<Run>::new(Hand { lut: &self.filter.lut, marked: &marked }, Vars::new([]));
        let mut results = self.filter.id.run((context, value)).map(unwrap_valr);
        let mut next = || results.next().transpose().map_err(|error| self.why(&error.to_string()));
        let Some(after) = next()? else { return Err("the program gives no result".to_owned()) };
        if next()?.is_some() {
            return Err("the program gives more than one result".to_owned());
        }
        let after = written(&after)?;
        json::check(&after).map_err(|why| format!("the result is not JSON: {why}"))?;
        Ok((after != before).then_some(after))
    }

    /// An error as it may be shown and kept: jq puts whole values into what it says.
    fn why(&self, error: &str) -> String {
        let said = error.trim_matches('"');
        let cannot = |rest: &str| rest.rsplit_once(" as ").map(|(value, kind)| (kind_of(value), kind.to_owned()));
        if !said.is_empty() && self.text.contains(said) {
            // The program's own words.
            return format!("the program says: {said}");
        }
        if let Some((value, kind)) = error.strip_prefix("cannot use ").and_then(cannot) {
            return format!("it uses {value} as {kind}");
        }
        let known = [
            ("cannot index ", "it looks for something inside of a value that has no such parts"),
            ("cannot calculate ", "it calculates with values of kinds that do not go together"),
            ("invalid path expression", "it changes something that is not a part of the body"),
            ("\"index ", "it changes something behind the end of an array"),
        ];
        let found = known.into_iter().find(|(start, _)| error.starts_with(start));
        found.map_or("the program ends with an error", |(_, words)| words).to_owned()
    }
}

fn written(value: &Val) -> Result<String, String> {
    let mut text = Vec::new();
    // Writing to memory does not fail, and JSON is UTF-8: a program can make strings that are not.
    let is_written = write::write(&mut text, &write::Pp::default(), 0, value).is_ok();
    let text = String::from_utf8(text).ok().filter(|_| is_written);
    text.ok_or_else(|| "the result is not JSON: a text in it is not UTF-8".to_owned())
}

/// What kind of value begins so.
fn kind_of(value: &str) -> &'static str {
    match value.bytes().next() {
        Some(b'"') => "a text",
        Some(b'{') => "an object",
        Some(b'[') => "an array",
        Some(b't' | b'f') => "a truth value",
        Some(b'n') => "null",
        Some(b'-' | b'0'..=b'9' | b'I' | b'N') => "a number",
        _ => "a value",
    }
}

fn definitions() -> impl Iterator<Item = Def<&'static str>> {
    let all = jaq_core::defs().chain(jaq_std::defs()).chain(jaq_json::defs());
    let is_kept =
        |definition: &Def<_>| !ABSENT.contains(&definition.name) && !order::REMOVING.contains(&definition.name);
    all.filter(is_kept).chain(order::definitions())
}

fn natives() -> impl Iterator<Item = Fun<Run>> {
    let all = jaq_core::funs().chain(jaq_std::funs()).chain(jaq_json::funs());
    all.filter(|(name, ..)| !ABSENT.contains(name)).chain(order::natives())
}

fn arity(what: &jaq_core::compile::Undefined) -> String {
    match what {
        jaq_core::compile::Undefined::Filter(0) => String::new(),
        jaq_core::compile::Undefined::Filter(n) => format!(" with {n} arguments"),
        _ => String::new(),
    }
}

/// The first of several errors, with its place in the program.
fn first<'a, E>(text: &'a str, errors: Vec<E>, words: impl Fn(E) -> (&'a str, String)) -> String {
    match errors.into_iter().next().map(words) {
        Some((at, why)) => format!("{why} at {}", place(text, at)),
        None => "the program cannot be read".to_owned(),
    }
}

/// Where a part of the text is; what is no part of it stands for its end.
fn place(text: &str, part: &str) -> String {
    let start = (part.as_ptr() as usize).checked_sub(text.as_ptr() as usize);
    let before = start.and_then(|start| text.get(..start)).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    format!("line {line}, column {column}")
}
