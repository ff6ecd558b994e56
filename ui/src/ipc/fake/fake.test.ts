import { describe, expect, test } from "vitest";
import { IpcError } from "../error";
import type { AppEvent, QueueAsk } from "../port";
import { fakePort } from ".";

const ask: QueueAsk = { filter: "", only: [], sort: "ready", descending: true, from: 0, n: 100 };

async function opened(seed = 7) {
	const port = fakePort({ seed });
	const profile = (await port.listProfiles())[0];
	if (!profile) throw new Error("the fake world has profiles");
	return { port, profile: profile.id };
}

test("the same seed gives the same world", async () => {
	const names = async (seed: number) => {
		const { port, profile } = await opened(seed);
		return (await port.listQueues(profile, { ...ask, n: 500 })).rows.map((row) => `${row.name} ${row.ready}`);
	};
	expect(await names(1)).toEqual(await names(1));
	expect(await names(1)).not.toEqual(await names(2));
});

test("queues are filtered, sorted and cut into pages", async () => {
	const { port, profile } = await opened();
	const page = await port.listQueues(profile, { ...ask, filter: "DLQ", n: 2 });
	expect(page.rows.map((row) => row.name)).toEqual(["orders.payments.dlq", "orders.invoice-render.dlq"]);
	expect(page).toMatchObject({ total: 48, shown: 3 });
	const unconsumed = await port.listQueues(profile, { ...ask, only: ["noConsumers"] });
	expect(unconsumed.rows.map((row) => row.name)).toEqual(["orders.crm-sync", "orders.retry-30s"]);
});

test("what is answered cannot change the world", async () => {
	const { port, profile } = await opened();
	const first = await port.listQueues(profile, ask);
	for (const row of first.rows) row.name = "changed";
	expect((await port.listQueues(profile, ask)).rows[0]?.name).toBe("orders.events.audit");
});

describe("a peek", () => {
	test("is told as it goes, makes a capture, and can be stopped", async () => {
		const { port, profile } = await opened();
		const told: number[] = [];
		const end = await port.peekQueue(profile, "orders.payments.dlq", 120, null, {
			onprogress: ({ read }) => told.push(read),
		});
		expect(told).toEqual([50, 100, 120]);
		const view = await port.openView({
			capture: end.capture,
			filter: "",
			sort: "position",
			descending: false,
		});
		expect((await port.pageView(view.view, 0, 500)).rows.length).toBe(120);
		const stopped = await port.peekQueue(profile, "orders.payments.dlq", 120, null, {
			signal: AbortSignal.abort(),
		});
		expect(stopped).toMatchObject({ read: 0, stopped: "stopped on request" });
	});

	test("is refused where it would destroy, until it was made safe", async () => {
		const { port, profile } = await opened();
		const queue = "orders.invoice-render.dlq";
		await expect(port.peekQueue(profile, queue, 1, null)).rejects.toMatchObject({ code: "costRefused" });
		await port.applyGuard(profile, queue);
		expect((await port.peekQueue(profile, queue, 1, null)).read).toBe(1);
	});
});

test("a redrive of production needs writes, and says what it did", async () => {
	const { port, profile } = await opened();
	const events: AppEvent["kind"][] = [];
	await port.watchApp((event) => events.push(event.kind));
	const { capture } = await port.peekQueue(profile, "orders.payments.dlq", 3, null);
	const { whole: plan } = await port.makePlans(profile, [
		{
			kind: "send",
			deed: "redrive",
			from: { kind: "chosen", capture, messages: [1] },
			to: { kind: "failedIn" },
			options: {},
		},
	]);
	await expect(port.startPlans([plan.id], null)).rejects.toMatchObject({ code: "readOnly" });
	await port.setWrites(profile, true);
	const [started] = await port.startPlans([plan.id], null);
	const job = await port.showJob(started ?? "");
	expect(job).toMatchObject({ state: "finished", counts: { done: 1 } });
	expect((await port.showMessage(capture, 1)).row.fate).toMatchObject({ kind: "job", job: job.id });
	expect(events).toContain("jobChanged");
	expect(
		(await port.listActivity({ filter: "", profile, onlyOpen: false, from: 0, n: 1 })).rows[0]?.act,
	).toBe("redrive");
});

test("dead letters are listed, grouped and paged", async () => {
	const { port, profile } = await opened();
	const inbox = await port.listDeadLetters(profile);
	expect(inbox.queues?.map((queue) => queue.name)).toEqual([
		"orders.payments.dlq",
		"orders.invoice-render.dlq",
		"orders.refunds.dlq",
	]);
	const captures = inbox.queues?.flatMap((queue) => queue.capture?.id ?? []) ?? [];
	const ask = { captures, by: { kind: "exceptionAndMessage" }, filter: "", since: null } as const;
	const { id, groups, messages } = await port.groupFailures({ ...ask, captures });
	expect(groups.map((group) => group.title).toSorted()).toEqual([
		"DuplicateCapture",
		"PaymentGatewayTimeout",
		"SchemaViolation",
	]);
	expect(messages).toBe(240);
	const page = await port.pageGroup({
		grouping: id,
		group: 0,
		sort: "died",
		descending: false,
		from: 0,
		n: 500,
	});
	expect(page.rows.length).toBe(groups[0]?.count);
	const members = await port.groupMembers(id, 0);
	expect(members.flatMap((one) => one.messages).length).toBe(page.total);
	await port.closeGrouping(id);
	await expect(port.groupMembers(id, 0)).rejects.toMatchObject({ code: "notFound" });
});

test("any call can be made to fail as a real one does", async () => {
	const { port, profile } = await opened();
	const fault = {
		code: "unreachable",
		message: "nobody answers",
		remedy: "try later",
		detail: "",
		retryable: true,
	} as const;
	port.refuse("listQueues", fault);
	const thrown = await port.listQueues(profile, ask).catch((error: unknown) => error);
	expect(thrown).toBeInstanceOf(IpcError);
	expect(thrown).toMatchObject({ code: "unreachable", remedy: "try later", retryable: true });
	port.refuse("listQueues", null);
	expect((await port.listQueues(profile, ask)).total).toBe(48);
});
