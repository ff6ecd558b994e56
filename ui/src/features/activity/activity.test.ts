import { expect, test } from "vitest";
import { fakePort } from "../../ipc/fake";
import type { JobRow, JobView } from "../../ipc/port";
import { ActivityLog } from "./activity.svelte";
import { dayTitle } from "./acts";
import { Answers, recommendation } from "./answers.svelte";

const row = (n: number, more: Partial<JobRow> = {}): JobRow => ({
	n,
	messageId: null,
	key: `fp:${n}`,
	state: "inDoubt",
	why: "",
	at: null,
	atSource: { kind: "yes" },
	atTarget: { kind: "yes" },
	recommended: "remove",
	answers: ["remove", "sendAgain", "leave"],
	...more,
});

const job = (rows: JobRow[]): JobView => ({ id: "job", rows }) as unknown as JobView;

test("what is recommended is chosen from the start; what is not waits for the user", () => {
	const answers = new Answers(fakePort());
	const undecided = row(2, { recommended: null });
	const open = job([row(1), undecided, row(3, { answers: [] })]);
	expect(answers.ready(open)).toEqual([{ n: 1, answer: "remove" }]);
	expect(answers.open(open)).toBe(1);
	answers.choose(undecided, "leave");
	expect(answers.ready(open)).toEqual([
		{ n: 1, answer: "remove" },
		{ n: 2, answer: "leave" },
	]);
	expect(answers.open(open)).toBe(0);
});

test("an answer that can no longer be given is not given", () => {
	const answers = new Answers(fakePort());
	answers.choose(row(1), "sendAgain");
	const now = row(1, { answers: ["remove", "leave"] });
	expect(answers.of(now)).toBe("remove");
});

test("where nothing is recommended nobody is talked into anything", () => {
	expect(recommendation(row(1, { recommended: null })).title).toBe("You decide");
});

test("an answer that fails says why and changes nothing", async () => {
	const fake = fakePort();
	fake.refuse("answerJob", {
		code: "notOpen",
		message: "not open",
		remedy: null,
		detail: "",
		retryable: false,
	});
	const answers = new Answers(fake);
	expect(await answers.apply(job([row(1)]))).toBeNull();
	expect(answers.fault?.code).toBe("notOpen");
	expect(answers.busy).toBe(false);
});

test("the log is read by the page, newest first, and grouped by day", async () => {
	const fake = fakePort();
	const [profile] = await fake.listProfiles();
	const at = (daysAgo: number) => new Date(Date.now() - daysAgo * 86_400_000).toISOString();
	for (let n = 0; n < 250; n += 1) {
		fake.world.note({
			act: "peek",
			place: `q${n}`,
			words: "put back",
			profile: profile?.id ?? "",
			at: at(n < 200 ? 2 : 0),
		});
	}
	const log = new ActivityLog(fake, profile?.id ?? "");
	await log.again();
	expect(log.rows).toHaveLength(100);
	expect(log.rows[0]?.place).toBe("q249");
	await log.more();
	await log.more();
	expect(log.rows).toHaveLength(log.total ?? 0);
	expect(log.hasMore).toBe(false);
	expect(log.days.length).toBeGreaterThan(1);
});

test("days are called by their distance", () => {
	const now = new Date(2026, 10, 20, 9).getTime();
	const at = (day: number) => new Date(2026, 10, day, 23).toISOString();
	expect(dayTitle(at(20), now)).toBe("Today, 20 November");
	expect(dayTitle(at(19), now)).toBe("Yesterday, 19 November");
	expect(dayTitle(at(17), now)).toBe("Tuesday, 17 November");
	expect(dayTitle(new Date(2025, 0, 2).toISOString(), now)).toBe("Thursday, 2 January 2025");
});
