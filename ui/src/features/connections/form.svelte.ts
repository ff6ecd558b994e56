import type {
	Environment,
	Field,
	KindInfo,
	Port,
	Profile,
	ProfileDraft,
	SavedProfile,
	Settings,
} from "../../ipc/port";
import { IpcError } from "../../shell/context";
import { takePassword } from "./url";

const readOnlyByDefault = (environment: Environment) =>
	environment === "production" || environment === "staging";

const initialSettings = (kind: KindInfo | undefined): Settings =>
	Object.fromEntries((kind?.form.fields ?? []).map((field) => [field.name, field.initial]));

/** A connection profile while it is being written down. The form itself is data that came from the driver. */
export class ProfileForm {
	#port: Port;
	#kinds: KindInfo[];
	#id = $state<string | null>(null);
	#kind = $state("");
	#secretState = $state<Profile["secret"]>("none");
	#environment = $state<Environment>("development");
	#readOnly = $state(false);
	#readOnlyChosen = false;
	#settings = $state.raw<Settings>({});
	#fault = $state.raw<IpcError | null>(null);
	#tried = $state(false);
	name = $state("");
	/** As typed; empty: what is kept stays. */
	secret = $state("");

	constructor(port: Port, kinds: KindInfo[], profile: Profile | null, broker: string | null) {
		this.#port = port;
		this.#kinds = kinds;
		if (profile) this.#fill(profile);
		else this.chooseKind(broker ?? kinds[0]?.kind ?? "");
	}

	get id(): string | null {
		return this.#id;
	}

	get kind(): string {
		return this.#kind;
	}

	get environment(): Environment {
		return this.#environment;
	}

	get readOnly(): boolean {
		return this.#readOnly;
	}

	get settings(): Settings {
		return this.#settings;
	}

	get secretState(): Profile["secret"] {
		return this.#secretState;
	}

	get info(): KindInfo | undefined {
		return this.#kinds.find((one) => one.kind === this.#kind);
	}

	/** Fields that the values of others call for. */
	get fields(): Field[] {
		const isShown = ({ shownWhen }: Field) =>
			shownWhen === null || this.#settings[shownWhen[0]] === shownWhen[1];
		return (this.info?.form.fields ?? []).filter(isShown);
	}

	/** Why it could not be saved. */
	get fault(): IpcError | null {
		return this.#fault;
	}

	/** Something needed is missing. */
	get incomplete(): boolean {
		return this.name.trim() === "" || this.fields.some((field) => this.#isMissing(field));
	}

	/** What is wrong with the name, once saving was tried. */
	get nameError(): string | null {
		return this.#tried && this.name.trim() === "" ? "A name is needed: it is what the sidebar shows." : null;
	}

	errorOf(field: Field): string | null {
		return this.#tried && this.#isMissing(field) ? `${field.label} is needed.` : null;
	}

	chooseKind(kind: string): void {
		this.#kind = kind;
		this.#settings = initialSettings(this.info);
	}

	chooseEnvironment(environment: Environment): void {
		this.#environment = environment;
		if (!this.#readOnlyChosen) this.#readOnly = readOnlyByDefault(environment);
	}

	chooseReadOnly(readOnly: boolean): void {
		this.#readOnly = readOnly;
		this.#readOnlyChosen = true;
	}

	set(field: string, value: string): void {
		this.#settings = { ...this.#settings, [field]: value };
	}

	/** Fills the form from an address. Its password goes into the password field and nowhere else. */
	async takeUrl(text: string): Promise<void> {
		const { url, password } = takePassword(text);
		const settings = await this.#port.readUrl(this.#kind, url);
		this.#settings = { ...this.#settings, ...settings };
		if (password !== null) this.secret = password;
	}

	/** Goes on as a new profile with the same settings; the password stays with the old one. */
	duplicate(): void {
		this.#id = null;
		this.name = `${this.name} copy`;
		this.secret = "";
		this.#secretState = "none";
		this.#fault = null;
		this.#tried = false;
	}

	draft(): ProfileDraft {
		return {
			id: this.#id,
			name: this.name.trim(),
			kind: this.#kind,
			environment: this.#environment,
			readOnly: this.#readOnly,
			settings: this.#settings,
		};
	}

	/** What goes with the draft: `null` leaves what is kept. */
	typedSecret(): string | null {
		return this.secret === "" ? null : this.secret;
	}

	/** `null`: not saved; why is on the form. */
	async save(): Promise<SavedProfile | null> {
		this.#tried = true;
		this.#fault = null;
		if (this.incomplete) return null;
		try {
			const saved = await this.#port.saveProfile(this.draft(), this.typedSecret());
			this.#id = saved.profile.id;
			this.#secretState = saved.profile.secret;
			return saved;
		} catch (thrown) {
			this.#fault = IpcError.from(thrown);
			return null;
		}
	}

	#fill(profile: Profile): void {
		this.#id = profile.id;
		this.#kind = profile.kind;
		this.name = profile.name;
		this.#environment = profile.environment;
		this.#readOnly = profile.readOnly;
		this.#readOnlyChosen = true;
		this.#secretState = profile.secret;
		this.#settings = { ...initialSettings(this.info), ...profile.settings };
	}

	#isMissing(field: Field): boolean {
		return field.required && (this.#settings[field.name] ?? "").trim() === "";
	}
}
