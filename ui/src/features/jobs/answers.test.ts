import { expect, test } from "vitest";
import { fakePort } from "../../ipc/fake";
import type { JobRow, JobView } from "../../ipc/port";
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
	bounced: false,
	chosen: true,
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
