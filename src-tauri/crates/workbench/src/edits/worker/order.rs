//! Removing without changing the order of names. jaq takes a name out of an object by moving the last one into its place,
//! wherever an update (`|=`, and `del`, which is one) gives no value. So such an update gives a mark instead, and what is
//! marked is then taken out of everything, in order.

use jaq_core::load::lex::StrPart;
use jaq_core::load::parse;
use jaq_core::load::parse::{BinaryOp, Def, Term};
use jaq_core::native::{Fun, bome, run, v};
use jaq_core::path::{Part, Path};
use jaq_core::{Cv, ValXs};
use jaq_json::{Rc, Val};

use super::jq::Run;

/// Names that no program can write.
const MARK: &str = "!mark";
const TAKE_OUT: &str = "!take out";
const FIRST: &str = "!first";
/// What jaq defines by updates, and is defined anew here. All paths are marked before anything is taken out, so that none
/// moves.
pub(super) const REMOVING: [&str; 2] = ["del", "delpaths"];
const REMOVING_ANEW: &str = "def del(f): f |= empty; def delpaths($paths): del(getpath($paths[]));";
/// JSON has no byte strings.
const MARK_BYTES: &[u8] = b"to be taken out";

/// The program with every `l |= r` as `l |= (take out | first(r, mark)) | take out`.
pub(super) fn kept(term: Term<&str>) -> Term<&str> {
    let boxed = |term: Box<Term<_>>| Box::new(kept(*term));
    match term {
        Term::BinOp(l, BinaryOp::Update, r) => update(kept(*l), kept(*r)),
        Term::BinOp(l, op, r) => Term::BinOp(boxed(l), op, boxed(r)),
        Term::Str(format, parts) => Term::Str(format, parts.into_iter().map(kept_part).collect()),
        Term::Arr(inner) => Term::Arr(inner.map(boxed)),
        Term::Obj(fields) => Term::Obj(fields.into_iter().map(|(name, value)| (kept(name), value.map(kept))).collect()),
        Term::Neg(inner) => Term::Neg(boxed(inner)),
        Term::Label(label, inner) => Term::Label(label, boxed(inner)),
        Term::Fold(name, over, pattern, terms) => {
            Term::Fold(name, boxed(over), pattern, terms.into_iter().map(kept).collect())
        }
        Term::TryCatch(inner, catch) => Term::TryCatch(boxed(inner), catch.map(boxed)),
        Term::IfThenElse(cases, otherwise) => {
            let cases = cases.into_iter().map(|(when, then)| (kept(when), kept(then)));
            Term::IfThenElse(cases.collect(), otherwise.map(boxed))
        }
        Term::Def(definitions, inner) => {
            Term::Def(definitions.into_iter().map(kept_definition).collect(), boxed(inner))
        }
        Term::Call(name, arguments) => Term::Call(name, arguments.into_iter().map(kept).collect()),
        Term::Path(head, Path(parts)) => {
            let parts = parts.into_iter().map(|(part, opt)| (kept_index(part), opt));
            Term::Path(boxed(head), Path(parts.collect()))
        }
        leaf @ (Term::Id | Term::Recurse | Term::Num(_) | Term::Break(_) | Term::Var(_)) => leaf,
    }
}

fn kept_part<'s>(part: StrPart<&'s str, Term<&'s str>>) -> StrPart<&'s str, Term<&'s str>> {
    match part {
        StrPart::Term(term) => StrPart::Term(kept(term)),
        other => other,
    }
}

fn kept_index(part: Part<Term<&str>>) -> Part<Term<&str>> {
    match part {
        Part::Index(term) => Part::Index(kept(term)),
        Part::Range(from, to) => Part::Range(from.map(kept), to.map(kept)),
    }
}

fn update<'s>(place: Term<&'s str>, by: Term<&'s str>) -> Term<&'s str> {
    let call = |name, arguments| Term::Call(name, arguments);
    let both = |l, op, r| Term::BinOp(Box::new(l), op, Box::new(r));
    let or_mark = both(by, BinaryOp::Comma, call(MARK, Vec::new()));
    // An update of everything below goes upwards: what is above must not see a mark.
    let by = both(call(TAKE_OUT, Vec::new()), BinaryOp::Pipe(None), call(FIRST, vec![or_mark]));
    both(both(place, BinaryOp::Update, by), BinaryOp::Pipe(None), call(TAKE_OUT, Vec::new()))
}

pub(super) fn definitions() -> impl Iterator<Item = Def<&'static str>> {
    let parsed = parse(REMOVING_ANEW, |parser| parser.defs()).expect("two definitions that tests have read");
    parsed.into_iter().map(kept_definition)
}

fn kept_definition(definition: Def<&str>) -> Def<&str> {
    Def { body: kept(definition.body), ..definition }
}

pub(super) fn natives() -> impl Iterator<Item = Fun<Run>> {
    let own = [run::<Run>((MARK, v(0), give_mark)), run::<Run>((TAKE_OUT, v(0), take_marked_out))];
    let first = jaq_core::funs().find(|(name, arguments, _)| *name == "first" && arguments.len() == 1);
    own.into_iter().chain(first.map(|(_, arguments, native)| (FIRST, arguments, native)))
}

fn give_mark(cv: Cv<'_, Run>) -> ValXs<'_, Val> {
    cv.0.data().marked.set(true);
    bome(Ok(mark()))
}

fn take_marked_out(cv: Cv<'_, Run>) -> ValXs<'_, Val> {
    let is_needed = cv.0.data().marked.get();
    bome(Ok(if is_needed { without_marked(cv.1) } else { cv.1 }))
}

/// In a list, because a part of an array (`.[1:3]`) is updated by a list; what is put into its place is then marked.
fn mark() -> Val {
    Val::from_iter([Val::byte_str(MARK_BYTES)])
}

fn is_marked(value: &Val) -> bool {
    let is_mark = |value: &Val| matches!(value, Val::BStr(bytes) if ***bytes == *MARK_BYTES);
    is_mark(value) || matches!(value, Val::Arr(list) if matches!(list.as_slice(), [only] if is_mark(only)))
}

fn without_marked(mut value: Val) -> Val {
    if is_marked(&value) {
        return Val::Null;
    }
    take_out(&mut value);
    value
}

fn take_out(value: &mut Val) {
    match value {
        Val::Arr(list) => {
            let list = Rc::make_mut(list);
            list.retain(|value| !is_marked(value));
            list.iter_mut().for_each(take_out);
        }
        Val::Obj(object) => {
            let object = Rc::make_mut(object);
            object.retain(|_, value| !is_marked(value));
            object.values_mut().for_each(take_out);
        }
        _ => {}
    }
}
