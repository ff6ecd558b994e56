import { expect, test, vi } from "vitest";
import { fakePort } from "../../ipc/fake";
import { DraftEditor } from "./draft.svelte";

function world(latencyMs = 0) {
	const fake = fakePort({ seed: 3, latencyMs });
	const [profile] = [...fake.world.profiles.values()];
	if (!profile) throw new Error("the fake world has no profile");
	const capture = fake.world.addCapture(profile, "orders.payments.dlq", 8);
	const start = (n: number) => ({
		kind: "message" as const,
		purpose: "edit" as const,
		capture: capture.view.id,
		n,
	});
	return { fake, profile: profile.id, start };
}

async function open(
	fake: ReturnType<typeof fakePort>,
	profile: string,
	start: ConstructorParameters<typeof DraftEditor>[2],
) {
	const editor = new DraftEditor(fake, profile, start);
	await editor.open();
	return editor;
}

test("a draft is kept with a pause in typing, and not before anything is changed", async () => {
	const { fake, profile, start } = world();
	const editor = await open(fake, profile, start(1));
	expect(editor.sendable).toBe(true);
	expect(await fake.listDrafts(profile)).toHaveLength(0);
	editor.change({ body: { kind: "text", text: "{}", compact: true } });
	expect([editor.waiting, editor.sendable]).toEqual([true, false]);
	await vi.waitFor(() => expect(editor.waiting).toBe(false));
	expect(editor.draft?.revision).toBe(1);
	const [kept] = await fake.listDrafts(profile);
	const again = await open(fake, profile, { draft: kept?.id ?? "" });
	expect(again.content?.body).toEqual({ kind: "text", text: "{}", compact: true });
	const same = await open(fake, profile, start(1));
	expect(same.draft?.id, "a message has one draft").toBe(editor.draft?.id);
});

test("what is no JSON is kept, and cannot be sent until it is mended or meant", async () => {
	const { fake, profile, start } = world();
	const editor = await open(fake, profile, start(1));
	editor.change({ body: { kind: "text", text: "{", compact: true } });
	expect(await editor.keep()).toBe(true);
	expect(editor.sendable).toBe(false);
	expect(editor.check?.troubles[0]).toMatchObject({ at: { kind: "payload" }, asText: true });
	editor.change({ asText: true });
	await editor.keep();
	expect(editor.sendable).toBe(true);
	editor.revert();
	await editor.keep();
	expect(editor.content?.body).toEqual(editor.original?.body);
});

test("two windows do not overwrite each other: one chooses", async () => {
	const { fake, profile, start } = world();
	const ours = await open(fake, profile, start(1));
	ours.change({ headers: [] });
	await ours.keep();
	const theirs = await open(fake, profile, { draft: ours.draft?.id ?? "" });
	theirs.change({ body: { kind: "text", text: '{"theirs":1}', compact: true } });
	await theirs.keep();
	ours.change({ body: { kind: "text", text: '{"ours":1}', compact: true } });
	expect(await ours.keep()).toBe(false);
	expect([ours.fault?.code, ours.sendable]).toEqual(["draftChanged", false]);
	await ours.keepMine();
	expect([ours.fault, ours.draft?.revision]).toEqual([null, 3]);
	theirs.change({ headers: [] });
	expect(await theirs.keep()).toBe(false);
	await theirs.takeTheirs();
	expect(theirs.content?.body).toMatchObject({ text: '{"ours":1}' });
});

test("what is typed while it is being kept is kept too", async () => {
	const { fake, profile, start } = world(20);
	const editor = await open(fake, profile, start(1));
	editor.change({ headers: [] });
	const first = editor.keep();
	await new Promise((done) => setTimeout(done, 5));
	editor.change({ body: { kind: "text", text: "[]", compact: true } });
	await first;
	expect(editor.waiting).toBe(true);
	await vi.waitFor(() => expect(editor.waiting).toBe(false));
	expect((await fake.openDraft(editor.draft?.id ?? "")).draft.content.body).toMatchObject({ text: "[]" });
});

test("a draft becomes a message of its own, and one that was given up is not kept again", async () => {
	const { fake, profile, start } = world();
	const editor = await open(fake, profile, start(1));
	editor.change({ headers: [] });
	await editor.keep();
	const copy = await open(fake, profile, { draft: (await editor.asCopy()) ?? "" });
	expect(copy.draft).toMatchObject({ purpose: "publish", content: { to: { kind: "place" } } });
	await editor.giveUp();
	editor.change({ headers: [] });
	editor.close();
	expect((await fake.listDrafts(profile)).map(({ purpose }) => purpose)).toEqual(["publish"]);
});
