import { expect, test } from "vitest";
import { fakePort } from "../../ipc/fake";
import { asksOf, idOf, partsOf } from "./groups";
import { Inbox } from "./inbox.svelte";
import { Members } from "./members.svelte";

async function world() {
	const fake = fakePort({ seed: 3 });
	const [profile] = [...fake.world.profiles.values()];
	if (!profile) throw new Error("the fake world has no profile");
	await fake.openConnection(profile.id, null);
	const inbox = new Inbox(fake, profile.id);
	await inbox.refresh();
	return { fake, profile, inbox };
}

test("what is read at the cost that was shown is grouped with what was read before", async () => {
	const { inbox } = await world();
	expect(inbox.groups?.messages).toBe(inbox.read.messages);
	const queue = inbox.queues?.find((one) => one.look !== null && !one.look.refusal);
	if (!queue) throw new Error("one of the fake dead-letter queues may be looked at");
	expect(await inbox.readQueue(queue, 16)).toBe(true);
	const read = inbox.queues?.find((one) => one.name === queue.name)?.capture;
	expect(read?.messages).toBe(16);
	expect(inbox.groups?.messages).toBe(inbox.read.messages);
});

test("a queue that refuses looks is not read", async () => {
	const { inbox } = await world();
	const refused = inbox.queues?.find((queue) => queue.look?.refusal);
	if (refused) expect(await inbox.readQueue(refused, 16)).toBe(false);
	expect(inbox.unread.some((queue) => queue.look?.refusal)).toBe(false);
});

test("a group keeps its name when it is grouped anew", async () => {
	const { inbox } = await world();
	await inbox.readFirst();
	const [group] = inbox.groups?.groups ?? [];
	if (!group) throw new Error("something was read");
	inbox.cursor = idOf(group);
	await inbox.regroup();
	expect(inbox.chosen?.count).toBe(group.count);
	inbox.groupBy({ kind: "reason" });
	await inbox.regroup();
	expect(inbox.chosen).toBeNull();
});

test("a deed is about the frozen messages of each queue, or about those that are chosen", async () => {
	const { fake, inbox } = await world();
	await inbox.readFirst();
	const groups = inbox.groups;
	const [group] = groups?.groups ?? [];
	if (!groups || !group) throw new Error("something was read");
	const members = await fake.groupMembers(groups.id, group.group);
	const all = partsOf(members, new Set());
	expect(all.reduce((sum, part) => sum + part.messages.length, 0)).toBe(group.count);
	const [one] = members;
	const [chosen, ...others] = partsOf(members, new Set([`${one?.capture}:${one?.messages[0]}`]));
	if (!chosen) throw new Error("one is chosen");
	expect(others).toHaveLength(0);
	expect(chosen).toMatchObject({ queue: one?.queue, messages: [one?.messages[0]] });
	expect(asksOf({ kind: "discard" }, [chosen])?.[0]).toMatchObject({
		kind: "discard",
		from: { kind: "chosen" },
	});
	const edit = { steps: [{ kind: "removeHeader" as const, name: "x-old" }] };
	expect(asksOf({ kind: "redrive", edit }, [chosen, chosen])?.[1]).toMatchObject({
		deed: "redrive",
		options: { edit },
	});
});

test("the messages of a group come by the page, and one of them is looked at", async () => {
	const { fake, inbox } = await world();
	await inbox.readFirst();
	const [group] = inbox.groups?.groups ?? [];
	if (!inbox.groups || !group) throw new Error("something was read");
	const members = new Members(fake, inbox.groups.id, group.group);
	members.rows.need(0, 10);
	await expect.poll(() => members.rows.shown).toBe(group.count);
	const row = members.rows.at(0);
	if (!row) throw new Error("the first page is here");
	members.inspect(row);
	await expect.poll(() => members.inspected?.message?.row.n).toBe(row.row.n);
	expect(members.queue).toBe(row.queue);
});
