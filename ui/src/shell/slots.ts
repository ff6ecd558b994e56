import type { Component } from "svelte";
import { type At, placeOf } from "./navigation.svelte";

/** What is drawn at each place, loaded when it is first gone to. */
type Slot = {
	load: () => Promise<{ default: Component<Record<string, unknown>> }>;
	props: Record<string, unknown>;
};

const slot = <Props extends Record<string, unknown>>(
	load: () => Promise<{ default: Component<Props> }>,
	props: Props,
): Slot => ({ load: load as unknown as Slot["load"], props });

/** The same for what is one view. Another thing of the same kind is another view, with a state of its own; jobs are chosen
 * within theirs. */
export const viewOf = (at: At): string =>
	placeOf(at) === "jobs" && "profile" in at && at.kind !== "draft"
		? `jobs ${at.profile}`
		: JSON.stringify(at);

export function slotOf(at: At): Slot {
	switch (at.kind) {
		case "welcome":
			return slot(() => import("../features/connections/Welcome.svelte"), {});
		case "editor":
			return slot(() => import("../features/connections/ConnectionEditor.svelte"), {
				profile: at.profile,
				broker: at.broker,
			});
		case "queue":
			return slot(() => import("../features/queues/QueueDetail.svelte"), {
				profile: at.profile,
				queue: at.queue,
			});
		case "exchange":
			return slot(() => import("../features/exchanges/ExchangeDetail.svelte"), {
				profile: at.profile,
				exchange: at.exchange,
			});
		case "job":
			return slot(() => import("../features/jobs/Jobs.svelte"), { profile: at.profile, chosen: at.job });
		case "draft":
			return slot(() => import("../features/edit/DraftPage.svelte"), {
				profile: at.profile,
				start: at.start,
			});
		case "capture":
			return slot(() => import("../features/snapshots/CaptureDetail.svelte"), {
				profile: at.profile,
				capture: at.capture,
				found: at.found ?? null,
			});
		case "settings":
			return slot(() => import("../features/settings/Storage.svelte"), {});
		case "place":
			return placeSlot(at);
	}
}

function placeSlot({ place, profile }: Extract<At, { kind: "place" }>): Slot {
	switch (place) {
		case "deadLetters":
			return slot(() => import("../features/deadletters/DeadLetters.svelte"), { profile });
		case "queues":
			return slot(() => import("../features/queues/Queues.svelte"), { profile });
		case "exchanges":
			return slot(() => import("../features/exchanges/Exchanges.svelte"), { profile });
		case "jobs":
			return slot(() => import("../features/jobs/Jobs.svelte"), { profile, chosen: null });
		case "snapshots":
			return slot(() => import("../features/snapshots/Snapshots.svelte"), { profile });
		case "activity":
			return slot(() => import("../features/activity/Activity.svelte"), { profile });
	}
}
