import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Toasts } from "./toasts.svelte";

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

const titles = (toasts: Toasts) => toasts.list.map(({ title }) => title);

test("good news leaves first, a warning later, and what went wrong stays", () => {
	const toasts = new Toasts();
	toasts.add({ tone: "ok", title: "Saved" });
	toasts.add({ tone: "warn", title: "The password was not kept" });
	toasts.add({ tone: "crit", title: "Could not save" });
	vi.advanceTimersByTime(6000);
	expect(titles(toasts)).toEqual(["The password was not kept", "Could not save"]);
	vi.advanceTimersByTime(6000);
	expect(titles(toasts)).toEqual(["Could not save"]);
	vi.advanceTimersByTime(600_000);
	expect(titles(toasts)).toEqual(["Could not save"]);
});

test("while they are read none leaves, and each has its whole time after", () => {
	const toasts = new Toasts();
	toasts.add({ tone: "warn", title: "The password was not kept" });
	vi.advanceTimersByTime(11_000);
	toasts.hold();
	toasts.add({ tone: "ok", title: "Saved" });
	vi.advanceTimersByTime(60_000);
	expect(toasts.list).toHaveLength(2);
	toasts.release();
	vi.advanceTimersByTime(11_000);
	expect(titles(toasts)).toEqual(["The password was not kept"]);
	vi.advanceTimersByTime(1000);
	expect(toasts.list).toEqual([]);
});

test("of many the newest four are shown", () => {
	const toasts = new Toasts();
	for (let n = 1; n <= 6; n += 1) toasts.add({ tone: "crit", title: String(n) });
	expect(titles(toasts)).toEqual(["3", "4", "5", "6"]);
});
