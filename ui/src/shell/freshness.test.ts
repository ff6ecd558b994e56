import { expect, test } from "vitest";
import { fakePort } from "../ipc/fake";
import type { ConnectionView } from "../ipc/port";
import { freshness, staleAfterMs } from "./freshness";

const NOW = Date.parse("2026-11-20T14:32:05Z");
const before = (ms: number) => new Date(NOW - ms).toISOString();
const open = [...fakePort().world.connections.values()][0] as ConnectionView;
const measured = (change: Partial<ConnectionView["freshness"]>): ConnectionView => ({
	...open,
	freshness: {
		measuredAt: before(2000),
		ageMsMax: 5000,
		tookMs: 38,
		failing: null,
		paused: false,
		...change,
	},
});

test("the age is that of the data, the broker's own delay included", () =>
	expect(freshness(measured({}), NOW)).toEqual({ kind: "live", ageMs: 7000, why: null }));

test("numbers that are too old, or could not be read again, are stale", () => {
	expect(freshness(measured({ measuredAt: before(15_000) }), NOW).kind).toBe("live");
	expect(freshness(measured({ measuredAt: before(15_100) }), NOW).kind).toBe("stale");
	expect(freshness(measured({ failing: "timed out" }), NOW)).toMatchObject({
		kind: "stale",
		why: "timed out",
	});
});

test("a slow broker is asked less often, and is not stale before it was due", () => {
	const slow = (ageMs: number) => measured({ measuredAt: before(ageMs), tookMs: 3000 });
	expect(freshness(slow(40_000), NOW).kind).toBe("live");
	expect(freshness(slow(72_000), NOW).kind).toBe("stale");
	expect(staleAfterMs(undefined)).toBe(15_000);
});

test("what was paused is paused and not stale", () =>
	expect(freshness(measured({ paused: true, measuredAt: before(60_000) }), NOW)).toMatchObject({
		kind: "paused",
		ageMs: 65_000,
	}));

test("a lost connection says why, whatever its numbers", () => {
	const lost = {
		...measured({}),
		state: { kind: "open", health: { kind: "lost", why: "the broker closed it" } },
	} as const;
	expect(freshness(lost, NOW)).toEqual({ kind: "lost", ageMs: 7000, why: "the broker closed it" });
});

test("before it is opened nothing is claimed", () =>
	expect(freshness(undefined, NOW)).toEqual({ kind: "closed", ageMs: null, why: null }));
