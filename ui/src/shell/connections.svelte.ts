import { createContext } from "svelte";
import { SvelteSet } from "svelte/reactivity";
import { IpcError } from "../ipc/error";
import type { ConnectionView, Environment, KindInfo, Port, Profile } from "../ipc/port";
import type { Events } from "./events";

export const ENVIRONMENTS: { value: Environment; label: string }[] = [
	{ value: "production", label: "Production" },
	{ value: "staging", label: "Staging" },
	{ value: "development", label: "Development" },
	{ value: "local", label: "Local" },
	{ value: "sandbox", label: "Sandbox" },
];

/** All profiles and what is known of their connections. */
export class Connections {
	#port: Port;
	#profiles = $state.raw<Profile[]>([]);
	#views = $state.raw<ReadonlyMap<string, ConnectionView>>(new Map());
	#kinds = $state.raw<KindInfo[]>([]);
	#faults = $state.raw<ReadonlyMap<string, IpcError>>(new Map());
	#opening = new SvelteSet<string>();
	#known = $state(false);

	constructor(port: Port, events: Events) {
		this.#port = port;
		events.on("profilesChanged", () => void this.#readProfiles());
		events.on("connectionChanged", (event) => {
			if (event) this.#put(event.connection);
			else void this.#readConnections();
		});
	}

	/** The first answer is here. */
	get known(): boolean {
		return this.#known;
	}

	/** In the order of their environments, then of their names. */
	get profiles(): Profile[] {
		return this.#profiles;
	}

	get kinds(): KindInfo[] {
		return this.#kinds;
	}

	/** The environments that have profiles, with them. */
	readonly groups = $derived.by(() =>
		ENVIRONMENTS.map(({ value, label }) => ({
			environment: value,
			label,
			profiles: this.#profiles.filter((profile) => profile.environment === value),
		})).filter((group) => group.profiles.length > 0),
	);

	profile(id: string | null): Profile | undefined {
		return this.#profiles.find((profile) => profile.id === id);
	}

	/** `undefined`: never opened in this session. */
	view(id: string | null): ConnectionView | undefined {
		return id === null ? undefined : this.#views.get(id);
	}

	/** "RMQ": the short name of a kind. */
	tag(kind: string): string {
		return this.#kinds.find((one) => one.kind === kind)?.form.tag ?? "";
	}

	async start(): Promise<void> {
		const [info] = await Promise.all([this.#port.appInfo(), this.#readProfiles(), this.#readConnections()]);
		this.#kinds = info.kinds;
		this.#known = true;
	}

	/** Why the last opening failed, until one succeeds or is tried. `secretNeeded`: its password has to be asked for. */
	fault(id: string): IpcError | undefined {
		return this.#faults.get(id);
	}

	isOpen(id: string | null): boolean {
		return this.view(id)?.state.kind === "open";
	}

	isOpening(id: string): boolean {
		return this.#opening.has(id);
	}

	/** Opens one; whether that failed is in `fault`. While it is being opened, asking again does nothing. */
	async open(id: string, secret: string | null = null): Promise<void> {
		if (this.#opening.has(id)) return;
		this.#opening.add(id);
		this.#fail(id, null);
		try {
			this.#put(await this.#port.openConnection(id, secret));
		} catch (thrown) {
			this.#fail(id, IpcError.from(thrown));
		} finally {
			this.#opening.delete(id);
		}
	}

	async ensureOpen(id: string): Promise<void> {
		if (!this.isOpen(id)) await this.open(id);
	}

	async close(id: string): Promise<void> {
		await this.#port.closeConnection(id);
	}

	/** A profile was saved here: it is known before its event comes, so that one can go there at once. */
	learn(profile: Profile): void {
		this.#sort([...this.#profiles.filter(({ id }) => id !== profile.id), profile]);
	}

	async setWrites(id: string, on: boolean): Promise<void> {
		this.#put(await this.#port.setWrites(id, on));
	}

	async setPaused(id: string, paused: boolean): Promise<void> {
		await this.#port.setPaused(id, paused);
	}

	async refresh(id: string): Promise<void> {
		await this.#port.refreshConnection(id);
	}

	#fail(id: string, fault: IpcError | null): void {
		const faults = new Map(this.#faults);
		if (fault) faults.set(id, fault);
		else faults.delete(id);
		this.#faults = faults;
	}

	#put(view: ConnectionView): void {
		this.#views = new Map(this.#views).set(view.profile, view);
	}

	async #readProfiles(): Promise<void> {
		this.#sort(await this.#port.listProfiles());
	}

	#sort(profiles: Profile[]): void {
		const order = (profile: Profile) => ENVIRONMENTS.findIndex(({ value }) => value === profile.environment);
		this.#profiles = profiles.toSorted((a, b) => order(a) - order(b) || a.name.localeCompare(b.name));
	}

	async #readConnections(): Promise<void> {
		const views = await this.#port.listConnections();
		this.#views = new Map(views.map((view) => [view.profile, view]));
	}
}

export const [useConnections, provideConnections] = createContext<Connections>();
