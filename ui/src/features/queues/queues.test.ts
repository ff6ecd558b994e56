import { expect, test, vi } from "vitest";
import { fakePort } from "../../ipc/fake";
import { drainWords } from "./drain";
import { Peek } from "./peek.svelte";
import { QueueList } from "./queues.svelte";

function world() {
	const fake = fakePort({ seed: 3 });
	const [profile] = [...fake.world.profiles.values()];
	return { fake, profile: profile?.id ?? "" };
}

test("the list asks Rust to sort and filter, and knows what each switch would leave", async () => {
	const { fake, profile } = world();
	const list = new QueueList(fake, profile);
	list.rows.need(0, 10);
	await vi.waitFor(() => expect(list.rows.shown).toBe(48));
	expect(list.rows.at(0)?.name).toBe("orders.events.audit");
	expect(list.count("deadLetterQueues")).toBe(3);
	list.toggle("deadLetterQueues");
	await vi.waitFor(() => expect(list.rows.shown).toBe(3));
	expect(list.filtered).toBe(true);
	list.clear();
	await vi.waitFor(() => expect(list.rows.shown).toBe(48));
});

test("a peek says its cost before it reads, and how it ended after", async () => {
	const { fake, profile } = world();
	const peek = new Peek(fake, profile, "orders.payments.dlq");
	await peek.run();
	expect(peek.end).toBeNull();
	await peek.ask();
	expect(peek.offer?.cost.words).toContain("put back");
	await peek.run();
	expect(peek.end).toMatchObject({ read: 16, putBack: true });
	expect(peek.running).toBe(false);
});

test("a refused look is not made", async () => {
	const { fake, profile } = world();
	const peekQueue = vi.fn(fake.peekQueue);
	const peek = new Peek({ ...fake, peekQueue }, profile, "orders.invoice-render.dlq");
	await peek.ask();
	expect(peek.offer?.cost.refusal?.code).toBe("destroys");
	await peek.run();
	expect(peekQueue).not.toHaveBeenCalled();
});

test("a peek that is cancelled ends in its own way and keeps what it read", async () => {
	const { fake, profile } = world();
	const peek = new Peek(fake, profile, "orders.events.audit");
	peek.choose(5000);
	await vi.waitFor(() => expect(peek.offer?.cost.reach).toBe(5000));
	const running = peek.run();
	await vi.waitFor(() => expect(peek.progress).not.toBeNull());
	peek.cancel();
	await running;
	expect(peek.end?.stopped).toBe("stopped on request");
	expect(peek.end?.read).toBeLessThan(5000);
});

test("a count stays within its bounds", () => {
	const { fake, profile } = world();
	const peek = new Peek(fake, profile, "orders.payments.dlq");
	peek.choose(0);
	expect(peek.n).toBe(1);
	peek.choose(1e9);
	expect(peek.n).toBe(10_000);
	peek.choose(Number.NaN);
	expect(peek.n).toBe(10_000);
	peek.close();
});

test("time to drain is a time only where there is one", () => {
	expect(drainWords({ kind: "seconds", seconds: 439 }).text).toBe("~7\u202fmin");
	expect(drainWords({ kind: "unknown" }).text).toBe("–");
	expect(drainWords({ kind: "stuck" }).tone).toBe("crit");
});
