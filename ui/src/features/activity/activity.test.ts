import { expect, test } from "vitest";
import { fakePort } from "../../ipc/fake";
import { ActivityLog } from "./activity.svelte";
import { dayTitle } from "./acts";

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
