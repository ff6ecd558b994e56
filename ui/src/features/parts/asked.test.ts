import { expect, test } from "vitest";
import { Asked } from "./asked.svelte";

test("the newest question wins, whichever is answered last", async () => {
	const answers: ((value: string) => void)[] = [];
	const asked = new Asked(() => new Promise<string>((answer) => answers.push(answer)));
	const first = asked.again();
	const second = asked.again();
	answers[1]?.("second");
	answers[0]?.("first");
	await Promise.all([first, second]);
	expect(asked.value).toBe("second");
	expect(asked.running).toBe(false);
});

test("the last good answer stays when asking again fails", async () => {
	let fails = false;
	const asked = new Asked(async () => {
		if (fails) throw new Error("gone");
		return 1;
	});
	await asked.again();
	fails = true;
	await asked.again();
	expect(asked.value).toBe(1);
	expect(asked.fault?.message).toBe("gone");
	fails = false;
	await asked.again();
	expect(asked.fault).toBeNull();
});

test("what is forgotten does not come back with a late answer", async () => {
	let answer: (value: number) => void = () => undefined;
	const asked = new Asked(() => new Promise<number>((done) => (answer = done)));
	const asking = asked.again();
	asked.forget();
	answer(1);
	await asking;
	expect(asked.value).toBeNull();
});
