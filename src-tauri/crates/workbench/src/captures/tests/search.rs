use std::sync::Mutex;

use super::*;

impl Bench {
    async fn search(&self, text: &str) -> (SearchEnd, Vec<SearchStep>) {
        let told = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&told);
        let ask = SearchAsk { profile: Some(self.profile.id), text: text.to_owned() };
        let told_of = move |step| heard.lock().unwrap().push(step);
        let end = self.workbench.search_captures(ask, CancellationToken::new(), told_of).await.unwrap();
        let steps = told.lock().unwrap().clone();
        (end, steps)
    }
}

fn hits(steps: &[SearchStep]) -> Vec<(CaptureId, u64)> {
    steps.iter().flat_map(|step| &step.hits).map(|hit| (hit.capture, hit.row.n)).collect()
}

#[tokio::test]
async fn a_text_is_found_in_every_capture_with_what_is_around_it() {
    let bench = Bench::new().await;
    let older = bench.capture(vec![text("{\"gateway\": \"Adyen-EU\"}"), text("nothing")]).await;
    let filler = (0..450).map(|n| text(&format!("{n}"))).chain([text("é adyen-eu\n\tand \u{202e}more")]);
    let newer = bench.capture(filler.collect()).await;
    let (end, steps) = bench.search("adyen-eu").await;
    assert_eq!(end, SearchEnd { searched: 453, of: 453, found: 2, cut: false, unread: Vec::new() });
    assert_eq!(hits(&steps), [(newer, 451), (older, 1)], "the newest capture first");
    let heard: Vec<_> = steps.iter().map(|step| (step.searched, step.of)).collect();
    assert_eq!(heard, [(200, 453), (400, 453), (451, 453), (453, 453)]);
    let found = &steps[2].hits[0];
    let shown = (found.before.as_str(), found.found.as_str(), found.after.as_str());
    assert_eq!(shown, ("é ", "adyen-eu", "  and more"), "one line, without what turns writing around");
    assert_eq!(steps[3].hits[0].found, "Adyen-EU");
}

#[tokio::test]
async fn a_search_is_bounded_stops_on_request_and_names_what_it_could_not_read() {
    let bench = Bench::new().await;
    let damaged = bench.capture(vec![text("x")]).await;
    std::fs::write(bench.captures().path(damaged), b"no database").unwrap();
    bench.capture((0..700).map(|_| text("abc")).collect()).await;
    let (end, steps) = bench.search("C").await;
    assert_eq!((end.found, end.cut, hits(&steps).len()), (500, true, 500));
    let (end, _) = bench.search("nowhere").await;
    assert_eq!((end.found, end.searched, end.unread.len()), (0, 700, 1));

    let cancel = CancellationToken::new();
    let at_once = cancel.clone();
    let ask = SearchAsk { profile: None, text: "abc".into() };
    let stopped = bench.workbench.search_captures(ask, cancel, move |_| at_once.cancel()).await;
    assert!(matches!(stopped, Err(Error::Cancelled)), "{stopped:?}");
    let nothing = SearchAsk { profile: None, text: " ".into() };
    let nothing = bench.workbench.search_captures(nothing, CancellationToken::new(), |_| ()).await;
    assert!(matches!(nothing, Err(Error::Invalid { .. })), "{nothing:?}");
}

#[test]
fn what_is_around_a_place_is_never_cut_inside_a_character() {
    let body = format!("{}needle{}", "é".repeat(100), "ü".repeat(100));
    for shift in 0..3 {
        let body = format!("{}{body}", "x".repeat(shift));
        let place = preview::find(body.as_bytes(), b"NEEDLE").unwrap();
        let [before, found, after] = preview::around(body.as_bytes(), place, 6);
        assert_eq!(found, "needle");
        assert!(!before.contains('\u{fffd}') && !after.contains('\u{fffd}'), "{before}|{after}");
    }
    assert_eq!(preview::find(b"aab", b"ab"), Some(1));
    assert_eq!(preview::find(b"a", b"ab"), None);
    assert_eq!(preview::find(b"", b""), Some(0));
}
