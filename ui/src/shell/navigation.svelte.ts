import { createContext } from "svelte";
import type { DraftFrom } from "../ipc/port";
import { Remembered } from "../kit/remembered.svelte";

/** The places of an open connection. */
export type Place = "deadLetters" | "queues" | "exchanges" | "jobs" | "snapshots" | "activity";

/** Where the window is. */
export type At =
	| { kind: "welcome" }
	/** The form of a connection; `profile` `null`: a new one, `broker` the kind it starts with. */
	| { kind: "editor"; profile: string | null; broker: string | null }
	| { kind: "place"; profile: string; place: Place }
	| { kind: "queue"; profile: string; queue: string }
	| { kind: "exchange"; profile: string; exchange: string }
	| { kind: "job"; profile: string; job: string }
	/** A message that is being written: a draft that is kept, or what one begins with. */
	| { kind: "draft"; profile: string; start: { draft: string } | DraftFrom }
	/** A snapshot, or the capture of a job. `found`: the message to begin with, and the text that it was found by. */
	| { kind: "capture"; profile: string; capture: string; found?: { n: number; text: string } }
	/** What is about this computer; `profile`: the connection that stays beside it. */
	| { kind: "settings"; profile: string | null };

const WELCOME: At = { kind: "welcome" };
const STEPS_MAX = 50;

/** Which place a thing belongs to. */
export function placeOf(at: At): Place | null {
	switch (at.kind) {
		case "place":
			return at.place;
		case "queue":
			return "queues";
		case "exchange":
			return "exchanges";
		case "job":
		case "draft":
			return "jobs";
		case "capture":
			return "snapshots";
		default:
			return null;
	}
}

/** Where the window is and how it came there. The last place of each connection is remembered. */
export class Navigation {
	#at = $state.raw<At>(WELCOME);
	#steps: At[] = [];
	#last = new Remembered<Record<string, Place>>("places", {});
	#profile = new Remembered<string | null>("profile", null);

	get at(): At {
		return this.#at;
	}

	/** The connection that is shown. */
	get profile(): string | null {
		return "profile" in this.#at ? this.#at.profile : null;
	}

	get place(): Place | null {
		return placeOf(this.#at);
	}

	/** The connection that was shown when the window was last closed. */
	get remembered(): string | null {
		return this.#profile.value;
	}

	go(at: At): void {
		if (JSON.stringify(at) === JSON.stringify(this.#at)) return;
		this.#steps = [...this.#steps, this.#at].slice(-STEPS_MAX);
		this.#show(at);
	}

	/** To another thing of the same list: the way back does not lead through each of them. */
	swap(at: At): void {
		this.#show(at);
	}

	/** The place of that connection where the user last was. */
	goTo(profile: string, place = this.#last.value[profile] ?? "queues"): void {
		this.go({ kind: "place", profile, place });
	}

	/** One level up: from a queue to the queues. `false`: this is the top. */
	up(): boolean {
		if (this.#at.kind === "editor" || this.#at.kind === "settings") {
			this.#show(this.#steps.pop() ?? WELCOME);
			return true;
		}
		const place = placeOf(this.#at);
		if (!place || this.#at.kind === "place" || !this.profile) return false;
		this.go({ kind: "place", profile: this.profile, place });
		return true;
	}

	/** To where the user came from. */
	back(): void {
		const before = this.#steps.pop();
		if (before) this.#show(before);
	}

	/** The profile is gone: nothing of it is shown any more. */
	forget(profile: string): void {
		this.#steps = this.#steps.filter((step) => !("profile" in step) || step.profile !== profile);
		if (this.#profile.value === profile) this.#profile.value = null;
		if (this.profile === profile) this.#show(WELCOME);
	}

	#show(at: At): void {
		this.#at = at;
		const place = placeOf(at);
		if (!place || !this.profile) return;
		this.#last.value = { ...this.#last.value, [this.profile]: place };
		this.#profile.value = this.profile;
	}
}

export const [useNavigation, provideNavigation] = createContext<Navigation>();
