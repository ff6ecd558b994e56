import type { Canary, SendOptions } from "../../ipc/port";

/** What is asked about the pace, as it is typed. */
export interface Typed {
	perSecond: string;
	canary: boolean;
	canaryMessages: string;
	canaryWait: string;
	canaryBounces: string;
	watch: boolean;
	watchS: string;
	unmarked: boolean;
}

const WATCH_S_MAX = 24 * 60 * 60;

/** A whole number of at least `least`; `null`: it is none. */
function whole(text: string, least: number): number | null {
	const n = Number(text);
	return /^\d{1,9}$/.test(text.trim()) && n >= least ? n : null;
}

/** How fast messages are sent, and how carefully. */
export class PaceDraft {
	#typed = $state.raw<Typed>({
		perSecond: "",
		canary: false,
		canaryMessages: "10",
		canaryWait: "10",
		canaryBounces: "0",
		watch: false,
		watchS: "60",
		unmarked: false,
	});

	get typed(): Typed {
		return this.#typed;
	}

	change(part: Partial<Typed>): void {
		this.#typed = { ...this.#typed, ...part };
	}

	/** `null`: none, or what is typed is none. */
	get canary(): Canary | null {
		const { canary, canaryMessages, canaryWait, canaryBounces } = this.#typed;
		const [messages, waitS, bouncesMax] = [
			whole(canaryMessages, 1),
			whole(canaryWait, 0),
			whole(canaryBounces, 0),
		];
		if (!canary || messages === null || waitS === null || bouncesMax === null) return null;
		return { messages, waitS, bouncesMax };
	}

	/** What is wrong with what is typed. */
	get wrong(): string | null {
		const { perSecond, canary, watch, watchS } = this.#typed;
		if (perSecond.trim() !== "" && whole(perSecond, 1) === null)
			return "The rate is a whole number of at least 1, or empty.";
		if (canary && this.canary === null) return "The canary needs whole numbers, and at least 1 message.";
		const seconds = whole(watchS, 1);
		if (watch && (seconds === null || seconds > WATCH_S_MAX))
			return "Bounces are watched for 1 second to 1 day.";
		return null;
	}

	get options(): Pick<SendOptions, "perSecond" | "canary" | "watchS" | "unmarked"> {
		const { perSecond, watch, watchS, unmarked } = this.#typed;
		return {
			perSecond: whole(perSecond, 1),
			canary: this.canary,
			watchS: watch ? whole(watchS, 1) : null,
			unmarked,
		};
	}
}
