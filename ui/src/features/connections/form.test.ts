import { expect, test } from "vitest";
import { fakePort } from "../../ipc/fake";
import { ConnectionTest } from "./checks.svelte";
import { ProfileForm } from "./form.svelte";

async function world() {
	const fake = fakePort({ seed: 3 });
	const { kinds } = await fake.appInfo();
	const profiles = await fake.listProfiles();
	return { fake, kinds, profiles };
}

test("a new form begins with what the driver proposes, and shows a field only where another calls for it", async () => {
	const { fake, kinds } = await world();
	const form = new ProfileForm(fake, kinds, null, "rabbitmq");
	expect(form.settings).toMatchObject({ vhost: "/", user: "guest", tls: "system" });
	expect(form.fields.map((field) => field.name)).not.toContain("ca");
	form.set("tls", "ca");
	expect(form.fields.map((field) => field.name)).toContain("ca");
});

test("production and staging start read-only unless the user chose otherwise", async () => {
	const { fake, kinds } = await world();
	const form = new ProfileForm(fake, kinds, null, "rabbitmq");
	form.chooseEnvironment("production");
	expect(form.readOnly).toBe(true);
	form.chooseEnvironment("development");
	expect(form.readOnly).toBe(false);
	form.chooseReadOnly(false);
	form.chooseEnvironment("production");
	expect(form.readOnly).toBe(false);
});

test("the password of a pasted address goes into its own field and not to Rust", async () => {
	const { fake, kinds } = await world();
	const asked: string[] = [];
	const readUrl: typeof fake.readUrl = async (kind, url) => {
		asked.push(url);
		return fake.readUrl(kind, url);
	};
	const form = new ProfileForm({ ...fake, readUrl }, kinds, null, "rabbitmq");
	await form.takeUrl("amqps://support:s3cret@mq.internal:5671/%2Forders");
	expect(form.secret).toBe("s3cret");
	expect(form.settings).toMatchObject({ user: "support", vhost: "/orders" });
	expect(JSON.stringify([asked, form.settings])).not.toContain("s3cret");
});

test("nothing is saved while something needed is missing, and it is named", async () => {
	const { fake, kinds } = await world();
	const form = new ProfileForm(fake, kinds, null, "rabbitmq");
	expect(form.nameError).toBeNull();
	expect(await form.save()).toBeNull();
	expect(form.nameError).toMatch(/name is needed/);
	const address = form.fields.find((field) => field.name === "address");
	expect(address && form.errorOf(address)).toBe("Broker address is needed.");
	expect(await fake.listProfiles()).toHaveLength(4);
});

test("a name that is taken is told, and the password is not lost", async () => {
	const { fake, kinds, profiles } = await world();
	const form = new ProfileForm(fake, kinds, null, "rabbitmq");
	form.name = profiles[0]?.name ?? "";
	form.set("address", "amqp://localhost");
	form.secret = "s3cret";
	expect(await form.save()).toBeNull();
	expect(form.fault?.code).toBe("invalid");
	expect(form.typedSecret()).toBe("s3cret");
	expect(form.fault?.message).not.toContain("s3cret");
});

test("a duplicate is a new profile without the password", async () => {
	const { fake, kinds, profiles } = await world();
	const form = new ProfileForm(fake, kinds, profiles[0] ?? null, null);
	form.secret = "s3cret";
	form.duplicate();
	expect(form.draft()).toMatchObject({ id: null, name: "orders-prod copy", environment: "production" });
	expect(form.typedSecret()).toBeNull();
	expect(form.secretState).toBe("none");
});

test("an empty password field leaves the one that is kept", async () => {
	const { fake, kinds, profiles } = await world();
	const form = new ProfileForm(fake, kinds, profiles[0] ?? null, null);
	expect(form.secretState).toBe("kept");
	expect(form.typedSecret()).toBeNull();
});

test("a test is a list that fills; the failed step carries its remedy", async () => {
	const { fake, kinds } = await world();
	const form = new ProfileForm(fake, kinds, null, "rabbitmq");
	form.set("management", "bad");
	const seen: number[] = [];
	const test = new ConnectionTest({
		...fake,
		checkConnection: (draft, secret, onstep) =>
			fake.checkConnection(draft, secret, (step) => {
				onstep(step);
				seen.push(test.steps.length);
			}),
	});
	await test.run(form.draft(), null);
	expect(seen[0]).toBe(1);
	expect(test.steps).toHaveLength(6);
	expect(test.failed).toBe(1);
	expect(test.steps.find((step) => step.outcome === "failed")?.remedy?.command).toContain("set_user_tags");
	expect(test.running).toBe(false);
	test.forget();
	expect(test.steps).toEqual([]);
});
