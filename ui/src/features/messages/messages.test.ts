import { expect, test, vi } from "vitest";
import { fakePort } from "../../ipc/fake";
import type { ViewAsk } from "../../ipc/port";
import { IpcError } from "../../shell/context";
import { Export, exportFileName, exportPath, withFormat } from "./export.svelte";
import { Inspected } from "./inspected.svelte";
import { MessageList } from "./messages.svelte";
import { bodyFileName } from "./tabs";

function world() {
	const fake = fakePort({ seed: 3 });
	const [profile] = [...fake.world.profiles.values()];
	if (!profile) throw new Error("the fake world has no profile");
	const capture = fake.world.addCapture(profile, "orders.payments.dlq", 120);
	return { fake, capture };
}

const loaded = async (list: MessageList) => {
	list.rows.need(0, 10);
	await vi.waitFor(() => expect(list.rows.shown).not.toBeNull());
};

test("a list shows what the view of its capture holds, a page at a time", async () => {
	const { fake, capture } = world();
	const list = new MessageList(fake, capture.view.id);
	await loaded(list);
	expect(list.rows.shown).toBe(120);
	expect(list.rows.at(0)?.n).toBe(1);
	expect(list.rows.at(110)).toBeUndefined();
	expect(list.capture?.queue).toBe("orders.payments.dlq");
});

test("a filter opens another view and closes the one before", async () => {
	const { fake, capture } = world();
	const closed: string[] = [];
	const closeView = async (view: string) => {
		closed.push(view);
		return fake.closeView(view);
	};
	const list = new MessageList({ ...fake, closeView }, capture.view.id);
	await loaded(list);
	const first = list.view;
	list.filterBy("refund");
	await vi.waitFor(() => expect(list.view).not.toBe(first));
	expect(closed).toEqual([first]);
	await vi.waitFor(() => expect(list.rows.shown).toBe(list.shown));
	expect(list.shown).toBeLessThan(120);
	list.close();
	expect(closed).toHaveLength(2);
});

test("a filter that cannot be read is named, and what was shown stays", async () => {
	const { fake, capture } = world();
	const refused = new IpcError({
		code: "invalid",
		message: "the quote at character 3 of the filter is not closed",
		remedy: null,
		detail: "",
		retryable: false,
	});
	const openView = async (ask: ViewAsk) => {
		if (ask.filter === 'a "b') throw refused;
		return fake.openView(ask);
	};
	const list = new MessageList({ ...fake, openView }, capture.view.id);
	await loaded(list);
	list.filterBy('a "b');
	await vi.waitFor(() => expect(list.filterError).toContain("character 3"));
	expect(list.rows.shown).toBe(120);
	list.filterBy("");
	await vi.waitFor(() => expect(list.filterError).toBeNull());
});

test("what is chosen is numbers in order, and outlives a sort", async () => {
	const { fake, capture } = world();
	const list = new MessageList(fake, capture.view.id);
	await loaded(list);
	list.selection.toggle("11");
	list.selection.toggle("2");
	list.sortBy({ column: "size", descending: true });
	expect(list.chosen).toEqual([2, 11]);
});

test("of two messages asked for the later one is shown, whichever answers last", async () => {
	const { fake, capture } = world();
	const waits = new Map<number, () => void>();
	const inspected = new Inspected(
		{
			...fake,
			showMessage: async (id, n) => {
				await new Promise<void>((go) => waits.set(n, go));
				return fake.showMessage(id, n);
			},
		},
		capture.view.id,
	);
	const first = inspected.show(1);
	const second = inspected.show(4);
	waits.get(4)?.();
	await second;
	waits.get(1)?.();
	await first;
	expect(inspected.message?.row.n).toBe(4);
	expect(inspected.body?.format).toBe("text");
});

test("names of files come from the queue and the clock, never from a message, and hold nothing a path could mean", () => {
	const at = new Date(2026, 10, 20, 14, 5);
	expect(exportFileName("orders.payments.dlq", at, "jsonl")).toBe(
		"orders.payments.dlq-2026-11-20-1405.jsonl",
	);
	expect(exportFileName("../../etc/eu 🧾", at, "jsonl")).toBe("etc-eu-2026-11-20-1405.jsonl");
	expect(exportFileName("🧾", at, "jsonl")).toBe("messages-2026-11-20-1405.jsonl");
	expect(exportPath("C:\\data", "a.jsonl")).toBe("C:\\data\\a.jsonl");
	expect(withFormat("/Documents/ada/a.jsonl", "csv")).toBe("/Documents/ada/a.csv");
	expect(withFormat("/Documents/ada/a.txt", "csv")).toBe("/Documents/ada/a.txt");
	expect(bodyFileName(7, "json")).toBe("message-7.json");
});

test("an export of all ignores the filter and leaves no view behind", async () => {
	const { fake, capture } = world();
	const list = new MessageList(fake, capture.view.id);
	await loaded(list);
	list.filterBy("refund");
	await vi.waitFor(() => expect(list.shown).toBeLessThan(120));
	const closeView = vi.fn(fake.closeView);
	const writing = new Export({ ...fake, closeView });
	const asked = {
		capture: capture.view,
		view: list.view ?? "",
		chosen: [3, 5],
		format: "csv" as const,
		path: "/tmp/x.csv",
	};
	expect((await writing.run({ ...asked, scope: "all" }))?.messages).toBe(120);
	expect(closeView).toHaveBeenCalledTimes(1);
	expect((await writing.run({ ...asked, scope: "filtered" }))?.messages).toBe(list.shown);
	expect(
		(
			await writing.run({
				...asked,
				view: (
					await fake.openView({ capture: capture.view.id, filter: "", sort: "position", descending: false })
				).view,
				scope: "chosen",
			})
		)?.messages,
	).toBe(2);
});
