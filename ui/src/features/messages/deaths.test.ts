import { expect, test } from "vitest";
import { fakePort } from "../../ipc/fake";
import type { Death, MessageView } from "../../ipc/port";
import { loops, reasonWords, steps } from "./deaths";

const death = (queue: string, at: string | null, more: Partial<Death> = {}): Death => ({
	queue,
	reason: "rejected",
	count: 1,
	at,
	exchange: "orders",
	routingKeys: ["pay"],
	...more,
});

async function message(deaths: Death[]): Promise<MessageView> {
	const fake = fakePort();
	const [capture] = await fake.listCaptures(null);
	return { ...(await fake.showMessage(capture?.id ?? "", 1)), deaths };
}

test("a life is told from its beginning to now", async () => {
	const told = steps(
		await message([
			death("pay", "2026-11-20T14:17:58Z"),
			death("retry", "2026-11-20T14:05:27Z", { reason: "expired" }),
		]),
		"pay.dlq",
	);
	expect(told.map((step) => step.place)).toEqual(["Publisher", "retry", "pay", "pay.dlq"]);
	expect(told.map((step) => step.failure)).toEqual([false, false, true, false]);
});

test("without times the broker's order holds, oldest first", async () => {
	const told = steps(await message([death("newest", null), death("older", "2026-11-20T14:05:27Z")]), "dlq");
	expect(told.filter((step) => step.kind === "died").map((step) => step.place)).toEqual(["older", "newest"]);
});

test("a count above one means a loop whose order is inferred", () => {
	expect(loops([death("a", null, { count: 3 }), death("b", null)])).toBe(3);
	expect(loops([])).toBe(0);
});

test("a reason that has no word here is told as the broker says it", () => {
	expect(reasonWords({ other: "delivery_limit_v2" })).toBe("delivery_limit_v2");
	expect(reasonWords("maxLength")).toBe("queue was full");
});
