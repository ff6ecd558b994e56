import { render } from "@testing-library/svelte";
import { flushSync } from "svelte";
import { describe, expect, test, vi } from "vitest";
import KeysOfAView from "./KeysOfAView.fixture.svelte";
import { Shortcuts } from "./shortcuts.svelte";

function set() {
	const shortcuts = new Shortcuts();
	const queues = vi.fn();
	const palette = vi.fn();
	const pause = vi.fn();
	shortcuts.add([
		{ keys: ["G", "Q"], does: "Go to queues", group: "Go to", run: queues },
		{ keys: ["Mod", "K"], does: "Search", group: "Go to", run: palette },
		{ keys: ["P"], does: "Pause", group: "View", run: pause },
	]);
	const press = (key: string, init: KeyboardEventInit = {}, target?: HTMLElement, at = 0) => {
		const event = new KeyboardEvent("keydown", { key, ...init });
		if (target) Object.defineProperty(event, "target", { value: target });
		return shortcuts.press(event, at);
	};
	return { shortcuts, queues, palette, pause, press };
}

test("two keys one after the other lead to a place", () => {
	const { queues, press } = set();
	expect(press("g")).toBe(false);
	expect(press("q")).toBe(true);
	expect(queues).toHaveBeenCalledOnce();
});

test("two keys with a pause between them do not", () => {
	const { queues, press } = set();
	press("g", {}, undefined, 0);
	press("q", {}, undefined, 5000);
	expect(queues).not.toHaveBeenCalled();
});

describe("while text is typed", () => {
	const input = document.createElement("input");

	test("single keys are letters", () => {
		const { pause, press } = set();
		expect(press("p", {}, input)).toBe(false);
		expect(pause).not.toHaveBeenCalled();
	});

	test("keys with the modifier still work", () => {
		const { palette, press } = set();
		expect(press("k", { ctrlKey: true }, input)).toBe(true);
		expect(palette).toHaveBeenCalledOnce();
	});
});

test("a view's key stands before the window's, and goes with the view", () => {
	const { shortcuts, pause, press } = set();
	const mine = vi.fn();
	const remove = shortcuts.add([{ keys: ["P"], does: "Preview", group: "Act", run: mine }]);
	press("p");
	expect(mine).toHaveBeenCalledOnce();
	remove();
	press("p");
	expect(pause).toHaveBeenCalledOnce();
});

test("a key that means nothing now is left alone", () => {
	const { shortcuts, press } = set();
	shortcuts.add([{ keys: ["E"], does: "Export", group: "Act", run: vi.fn(), when: () => false }]);
	expect(press("e")).toBe(false);
});

test("a view's keys come with it, change with its state and go with it, each once", async () => {
	const all = new Shortcuts();
	const key = (name: string) => ({ keys: [name], does: name, group: "View" as const, run: vi.fn() });
	all.add([key("P")]);
	const { rerender, unmount } = render(KeysOfAView, { all, keys: [key("E"), key("R")] });
	flushSync();
	expect(all.list.map(({ does }) => does)).toEqual(["E", "R", "P"]);
	await rerender({ keys: [key("E")] });
	expect(all.list.map(({ does }) => does)).toEqual(["E", "P"]);
	unmount();
	expect(all.list.map(({ does }) => does)).toEqual(["P"]);
});

test("the second key of a sequence is the window's, whatever has the focus", () => {
	const { shortcuts, queues, press } = set();
	const second = (key: string, init: KeyboardEventInit = {}) =>
		shortcuts.complete(new KeyboardEvent("keydown", { key, ...init }), 100);
	expect(second("q"), "nothing was begun").toBe(false);
	press("g");
	expect(second("j"), "no such sequence: the key is left to what has the focus").toBe(false);
	expect(second("q", { ctrlKey: true })).toBe(false);
	expect(second("q")).toBe(true);
	expect(queues).toHaveBeenCalledOnce();
	expect(second("q"), "it has ended").toBe(false);
});
