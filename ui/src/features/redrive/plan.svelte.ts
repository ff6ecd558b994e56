import type {
	DeedAsk,
	JobView,
	PlanChange,
	PlanSet,
	PlanView,
	Port,
	Target,
	TargetChoice,
} from "../../ipc/port";
import { IpcError } from "../../shell/context";
import { Asked } from "../parts/asked.svelte";
import { PaceDraft, type Typed } from "./pace.svelte";

/** Where messages are to go, as the dialog asks it. */
export type TargetKind = "failedIn" | "origin" | "queue" | "exchange";

const TYPING_WAIT_MS = 250;

/** A plan that is being made, and the job it becomes; of several queues a plan and a job each, seen and started together.
 * Every choice makes it anew; nothing is sent before `start`. */
export class PlanDraft {
	readonly pace = new PaceDraft();
	#port: Port;
	#profile: string;
	/** The same deed, once for each queue. */
	#asks: DeedAsk[];
	#ask: DeedAsk;
	#target = $state<TargetKind>("failedIn");
	#queue = $state("");
	#exchange = $state("");
	#key = $state("");
	#keepOrigin = $state(false);
	#toProfile = $state<string | null>(null);
	#planned: Asked<PlanSet>;
	#startFault = $state.raw<IpcError | null>(null);
	#remade = $state<string | null>(null);
	#jobIds = $state.raw<string[]>([]);
	#jobs: Asked<JobView[]>;
	#timer: ReturnType<typeof setTimeout> | undefined;
	#closed = false;
	/** Which plan is wanted: one that is made for an earlier ask is not. */
	#made = 0;
	/** A plan that is kept: what it is about is frozen. */
	#saved: string | null;
	#kept = false;
	#changes = $state.raw<PlanChange[]>([]);

	constructor(port: Port, profile: string, asks: [DeedAsk, ...DeedAsk[]], saved: string | null = null) {
		const [ask] = asks;
		this.#port = port;
		this.#profile = profile;
		this.#asks = asks;
		this.#ask = ask;
		this.#saved = saved;
		this.#planned = new Asked(() => this.#makePlan());
		this.#jobs = new Asked(() => Promise.all(this.#jobIds.map((job) => this.#port.showJob(job))));
		if (ask.kind === "send") {
			this.#target = ask.to.kind === "place" ? ask.to.target.kind : ask.to.kind;
			if (ask.to.kind === "place") this.#place(ask.to.target);
			this.#keepOrigin = ask.options?.keepOrigin ?? false;
			this.#toProfile = ask.options?.toProfile ?? null;
		}
	}

	get choosesTarget(): boolean {
		return this.#ask.kind === "send" && this.#saved === null;
	}

	/** It may be about more than one message: then there is a pace. */
	get several(): boolean {
		if (this.#ask.kind !== "send") return false;
		return this.together || !(this.#ask.from.kind === "chosen" && this.#ask.from.messages.length < 2);
	}

	/** It is about several queues. */
	get together(): boolean {
		return this.#asks.length > 1;
	}

	/** What is no longer as it was planned, where a saved plan is reopened. */
	get changes(): PlanChange[] {
		return this.#changes;
	}

	/** How many are sent first, where more are to follow. */
	get canaryOf(): number | null {
		const options = this.#ask.kind === "send" ? this.#ask.options : undefined;
		const canary = this.#saved === null ? this.pace.canary : (options?.canary ?? null);
		if (!canary || !this.#starting.some((part) => part.willAct > canary.messages)) return null;
		return this.#starting.reduce((sum, part) => sum + Math.min(part.willAct, canary.messages), 0);
	}

	get target(): TargetKind {
		return this.#target;
	}

	get queue(): string {
		return this.#queue;
	}

	get exchange(): string {
		return this.#exchange;
	}

	get key(): string {
		return this.#key;
	}

	get keepOrigin(): boolean {
		return this.#keepOrigin;
	}

	/** The connection that is sent to. */
	get toProfile(): string {
		return this.#toProfile ?? this.#profile;
	}

	/** The place that is asked for is named, and what is typed makes sense. */
	get complete(): boolean {
		if (this.pace.wrong !== null) return false;
		if (this.#target === "queue") return this.#queue !== "";
		return this.#target !== "exchange" || this.#exchange !== "" || this.#key !== "";
	}

	/** All of it as one. `null`: none yet, or it does not fit what is chosen any more. */
	get plan(): PlanView | null {
		return this.#planned.value?.whole ?? null;
	}

	/** One for each queue. */
	get parts(): PlanView[] {
		return this.#planned.value?.parts ?? [];
	}

	get planning(): boolean {
		return this.#planned.running;
	}

	get fault(): IpcError | null {
		return this.#startFault ?? this.#planned.fault;
	}

	/** It was out of date when it was to start, and has been made anew: it is to be read again. Why. */
	get remade(): string | null {
		return this.#remade;
	}

	/** One for each queue, once it has started. */
	get jobIds(): string[] {
		return this.#jobIds;
	}

	get jobs(): JobView[] {
		return this.#jobs.value ?? [];
	}

	get jobFault(): IpcError | null {
		return this.#jobs.fault;
	}

	get ended(): boolean {
		return this.jobs.length > 0 && this.jobs.every((job) => job.state !== "running");
	}

	chooseTarget(target: TargetKind): void {
		this.#target = target;
		// The queue that it failed in and the exchange that it came from are those of its own connection.
		if (target === "failedIn" || target === "origin") this.#toProfile = null;
		this.#changed();
	}

	/** It has to be open. */
	chooseProfile(profile: string): void {
		this.#toProfile = profile === this.#profile ? null : profile;
		this.#changed();
	}

	name(place: { queue?: string; exchange?: string; key?: string }): void {
		this.#queue = place.queue ?? this.#queue;
		this.#exchange = place.exchange ?? this.#exchange;
		this.#key = place.key ?? this.#key;
		this.#changeSoon();
	}

	changePace(part: Partial<Typed>): void {
		this.pace.change(part);
		this.#changeSoon();
	}

	keep(origin: boolean): void {
		this.#keepOrigin = origin;
		this.#changed();
	}

	/** Makes the plan anew: what it rests on has changed. */
	async again(): Promise<void> {
		this.#startFault = null;
		if (this.complete) await this.#planned.again();
	}

	/** `false`: it did not start; why is in `fault`. */
	async start(typed: string | null): Promise<boolean> {
		const plans = this.#starting.map(({ id }) => id);
		if (plans.length === 0) return false;
		this.#startFault = null;
		try {
			this.#jobIds = await this.#port.startPlans(plans, typed);
			await this.#jobs.again();
			return true;
		} catch (thrown) {
			await this.#startFailed(IpcError.from(thrown));
			return false;
		}
	}

	/** A job has come further, or everything may have. */
	async follow(job: string | null): Promise<void> {
		const ours = job === null ? this.#jobIds.length > 0 : this.#jobIds.includes(job);
		if (ours) await this.#jobs.again();
	}

	async stop(): Promise<void> {
		try {
			for (const { id, state } of this.jobs) if (state === "running") await this.#port.stopJob(id);
		} catch (thrown) {
			this.#startFault = IpcError.from(thrown);
		}
	}

	/** The plan stays when this closes, to be reopened and started later. */
	save(): void {
		this.#kept = true;
	}

	/** A saved plan is not wanted any more. */
	async forgetSaved(): Promise<void> {
		if (this.#saved !== null) await this.#port.discardPlan(this.#saved);
	}

	/** A plan that was neither started nor saved is given up; a job goes on. */
	close(): void {
		this.#closed = true;
		clearTimeout(this.#timer);
		if (this.#jobIds.length === 0 && !this.#kept) this.#forgetPlan();
	}

	#changeSoon(): void {
		this.#forgetPlan();
		this.#timer = setTimeout(() => this.#changed(), TYPING_WAIT_MS);
	}

	#changed(): void {
		this.#forgetPlan();
		void this.again();
	}

	#forgetPlan(): void {
		clearTimeout(this.#timer);
		this.#made += 1;
		this.#discard(this.#planned.value);
		this.#planned.forget();
		this.#startFault = null;
		this.#remade = null;
	}

	/** What is blocked is left out where there are others. */
	get #starting(): PlanView[] {
		return this.parts.filter((part) => part.blocked === null);
	}

	async #startFailed(fault: IpcError): Promise<void> {
		this.#jobIds = [];
		if (fault.code === "planOutdated") {
			await this.#planned.again();
			this.#remade = this.#planned.fault === null ? fault.message : null;
		} else {
			this.#startFault = fault;
		}
	}

	async #makePlan(): Promise<PlanSet> {
		if (this.#saved !== null) {
			const reopened = await this.#reopen(this.#saved);
			return { whole: reopened, parts: [reopened] };
		}
		const before = this.#planned.value;
		const asks = this.#asks.map((ask) => this.#asked(ask));
		this.#made += 1;
		const made = this.#made;
		const plan = await this.#port.makePlans(this.#profile, asks);
		this.#discard(before);
		// Whoever asked has gone on, or asked for another: nobody will start this one.
		if (this.#closed || made !== this.#made) this.#discard(plan);
		return plan;
	}

	/** As it would go now. What prevents a start is said as what blocks it. */
	async #reopen(id: string): Promise<PlanView> {
		const { saved, now, changes } = await this.#port.reopenPlan(id);
		this.#changes = changes;
		const prevents = changes.filter((change) => change.prevents).map(({ words }) => words);
		const view = now ?? saved.view;
		return prevents.length > 0
			? { ...view, blocked: `the plan does not fit any more: ${prevents.join("; ")}` }
			: view;
	}

	#asked(ask: DeedAsk): DeedAsk {
		if (ask.kind !== "send") return ask;
		const options = {
			...ask.options,
			...this.pace.options,
			keepOrigin: this.#keepOrigin,
			toProfile: this.#toProfile,
		};
		return { ...ask, to: this.#to(), options };
	}

	#place(target: Target): void {
		if (target.kind === "queue") this.#queue = target.queue;
		else [this.#exchange, this.#key] = [target.exchange, target.key];
	}

	#to(): TargetChoice {
		switch (this.#target) {
			case "queue":
				return { kind: "place", target: { kind: "queue", queue: this.#queue } };
			case "exchange":
				return { kind: "place", target: { kind: "exchange", exchange: this.#exchange, key: this.#key } };
			default:
				return { kind: this.#target };
		}
	}

	/** Rust forgets plans of its own accord too, so nobody waits for this. */
	#discard(plan: PlanSet | null): void {
		if (this.#saved !== null) return;
		for (const { id } of plan?.parts ?? []) this.#port.discardPlan(id).catch(() => undefined);
	}
}
