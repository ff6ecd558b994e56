//! Indenting XML without changing a token of it: tags, entities and text stay as sent, nothing is expanded. Only the
//! white space between tags is new, and none where an element holds text.

use std::ops::Range;

use quick_xml::Reader;
use quick_xml::events::Event;

use super::body::Indented;

/// A piece of the document, in its own characters.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Open(Range<usize>),
    Close(Range<usize>),
    /// A tag that is both, a comment, an instruction.
    Alone(Range<usize>),
    /// Text that says something.
    Text(Range<usize>),
    /// White space alone.
    Space(Range<usize>),
}

/// What was found of a text that begins with `<`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Read {
    No,
    /// XML; `None`: indented it would become larger than may be shown.
    Xml(Option<String>),
}

pub(super) fn read(text: &str) -> Read {
    if !text.trim_start().starts_with('<') {
        return Read::No;
    }
    match pieces(text) {
        Some(pieces) => Read::Xml(indent(text, &pieces)),
        None => Read::No,
    }
}

/// The whole document in pieces; `None` where it is not well-formed.
fn pieces(text: &str) -> Option<Vec<Piece>> {
    let mut reader = Reader::from_str(text);
    reader.config_mut().enable_all_checks(true);
    let (mut pieces, mut depth, mut roots) = (Vec::new(), 0usize, 0);
    loop {
        let start = usize::try_from(reader.buffer_position()).ok()?;
        let event = reader.read_event().ok()?;
        let range = start..usize::try_from(reader.buffer_position()).ok()?;
        match event {
            Event::Eof => break,
            Event::Start(_) => {
                roots += usize::from(depth == 0);
                depth += 1;
                pieces.push(Piece::Open(range));
            }
            Event::End(_) => {
                depth = depth.checked_sub(1)?;
                pieces.push(Piece::Close(range));
            }
            Event::Empty(_) => {
                roots += usize::from(depth == 0);
                pieces.push(Piece::Alone(range));
            }
            Event::Text(_) if text[range.clone()].trim().is_empty() => pieces.push(Piece::Space(range)),
            Event::Text(_) | Event::CData(_) | Event::GeneralRef(_) if depth == 0 => return None,
            Event::Text(_) | Event::CData(_) | Event::GeneralRef(_) => pieces.push(Piece::Text(range)),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => pieces.push(Piece::Alone(range)),
        }
    }
    (depth == 0 && roots == 1).then_some(pieces)
}

/// Which of the pieces open an element that holds text of its own.
fn holding_text(pieces: &[Piece]) -> Vec<bool> {
    let mut holding = vec![false; pieces.len()];
    let mut open = Vec::new();
    for (n, piece) in pieces.iter().enumerate() {
        match piece {
            Piece::Open(_) => open.push(n),
            Piece::Close(_) => drop(open.pop()),
            Piece::Text(_) => {
                if let Some(element) = open.last() {
                    holding[*element] = true;
                }
            }
            Piece::Alone(_) | Piece::Space(_) => {}
        }
    }
    holding
}

fn indent(text: &str, pieces: &[Piece]) -> Option<String> {
    let holding = holding_text(pieces);
    let mut out = Indented::default();
    let mut depth = 0usize;
    // How many elements are open since the one that holds text: inside, everything stays as it was sent.
    let mut as_sent = 0usize;
    let mut last_opened = false;
    for (n, piece) in pieces.iter().enumerate() {
        let (Piece::Open(range) | Piece::Close(range) | Piece::Alone(range) | Piece::Text(range) | Piece::Space(range)) =
            piece;
        let part = &text[range.clone()];
        if as_sent > 0 {
            match piece {
                Piece::Open(_) => as_sent += 1,
                Piece::Close(_) => as_sent -= 1,
                _ => {}
            }
            out.push(part)?;
            last_opened = false;
            continue;
        }
        match piece {
            Piece::Space(_) | Piece::Text(_) => continue,
            Piece::Close(_) => {
                depth = depth.saturating_sub(1);
                if !last_opened {
                    out.new_line(depth)?;
                }
                out.push(part)?;
            }
            Piece::Open(_) | Piece::Alone(_) => {
                if !out.is_empty() {
                    out.new_line(depth)?;
                }
                out.push(part)?;
            }
        }
        last_opened = matches!(piece, Piece::Open(_));
        if last_opened && holding[n] {
            as_sent = 1;
        } else if last_opened {
            depth += 1;
        }
    }
    Some(out.into_text())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn indented(text: &str) -> String {
        match read(text) {
            Read::Xml(Some(text)) => text,
            other => panic!("expected XML, not {other:?}"),
        }
    }

    #[test]
    fn elements_are_indented_and_text_stays_as_sent() {
        let text = "<?xml version=\"1.0\"?><a x='1'><b> two  words </b><c/><d>\n <e/> </d><f></f></a>";
        let wanted = "<?xml version=\"1.0\"?>\n<a x='1'>\n  <b> two  words </b>\n  <c/>\n  <d>\n    <e/>\n  </d>\n  <f></f>\n</a>";
        assert_eq!(indented(text), wanted);
    }

    #[test]
    fn text_between_tags_keeps_its_spaces() {
        let text = "<p>see <b>this</b> and <i> that </i>&amp; &lt; <![CDATA[ <x> ]]></p>";
        assert_eq!(indented(text), text);
    }

    #[test]
    fn entities_are_never_expanded() {
        let text = "<!DOCTYPE a [<!ENTITY b \"bbbbbbbbbb\"><!ENTITY c \"&b;&b;&b;\">]><a>&c;</a>";
        assert!(indented(text).ends_with("<a>&c;</a>"), "{}", indented(text));
        assert!(!indented(text).contains("bbbbbbbbbbb"));
    }

    #[test]
    fn what_is_not_well_formed_is_not_xml() {
        for text in ["<a>", "<a></b>", "<a/><b/>", "<a/>tail", "<!-- only -->", "< a", "<p>a<br>b</p>", "a<b/>", "<"] {
            assert_eq!(read(text), Read::No, "{text}");
        }
    }

    #[test]
    fn deep_nesting_is_not_indented_and_does_not_panic() {
        let text = format!("{}{}", "<a>".repeat(10_000), "</a>".repeat(10_000));
        assert_eq!(read(&text), Read::Xml(None));
    }
}
