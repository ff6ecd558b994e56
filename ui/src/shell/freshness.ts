import type { ConnectionView } from "../ipc/port";

/** The broker is asked this often, and less often where it is slow: never for more than a tenth of its time. */
const POLL_MS = 5000;
const POLL_SHARE = 10;
const SLACK_MS = 5000;

export interface Fresh {
	kind: "live" | "stale" | "paused" | "lost" | "blocked" | "opening" | "closed";
	/** Of the data, in milliseconds, at most; `null` before the first numbers. */
	ageMs: number | null;
	/** Why it is not live. */
	why: string | null;
}

/** How old numbers get before they are stale, in milliseconds: two polls were due and none came. The broker's own delay
 * comes on top. */
export function staleAfterMs(view: ConnectionView | undefined): number {
	const tookMs = view?.freshness.tookMs ?? 0;
	return 2 * (Math.max(POLL_MS, POLL_SHARE * tookMs) + tookMs) + SLACK_MS;
}

/** How fresh what a connection shows is: the age of the data, not of the last question. */
export function freshness(view: ConnectionView | undefined, nowMs: number): Fresh {
	if (!view || view.state.kind === "closed") return { kind: "closed", ageMs: null, why: null };
	const { measuredAt, ageMsMax, failing, paused } = view.freshness;
	const ageMs = measuredAt ? Math.max(0, nowMs - Date.parse(measuredAt)) + (ageMsMax ?? 0) : null;
	if (view.state.kind === "connecting") return { kind: "opening", ageMs, why: null };
	if (view.state.kind === "failed") return { kind: "lost", ageMs, why: view.state.fault.message };
	if (view.state.health.kind === "lost") return { kind: "lost", ageMs, why: view.state.health.why };
	if (paused) return { kind: "paused", ageMs, why: null };
	if (failing !== null) return { kind: "stale", ageMs, why: failing };
	if (ageMs !== null && ageMs > staleAfterMs(view) + (ageMsMax ?? 0))
		return { kind: "stale", ageMs, why: null };
	if (view.state.health.kind === "blocked") return { kind: "blocked", ageMs, why: view.state.health.why };
	return { kind: "live", ageMs, why: null };
}
