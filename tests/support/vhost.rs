//! A virtual host and a user for one test, so that tests share a broker and still run side by side.

use std::sync::atomic::{AtomicU64, Ordering};

use broker::{Secret, Settings};
use url::Url;

use crate::{Api, Client, Rabbit};

static LAST: AtomicU64 = AtomicU64::new(0);

/// A virtual host of its own, with a user who may do everything in it and is an administrator.
#[derive(Debug, Clone)]
pub struct Vhost {
    /// Has slashes, so that nobody forgets to encode them.
    pub name: String,
    pub user: String,
    pub password: String,
    pub amqp_port: u16,
    pub amqps_port: u16,
    pub management_port: u16,
    pub ca_file: std::path::PathBuf,
    api: Api,
}

impl Vhost {
    pub(crate) async fn create(rabbit: &Rabbit) -> Self {
        let n = LAST.fetch_add(1, Ordering::Relaxed) + 1;
        let vhost = Self {
            name: format!("/test/{n}"),
            user: format!("tester {n}"),
            password: format!("p/w:d@{n}%"),
            amqp_port: rabbit.amqp_port(),
            amqps_port: rabbit.amqps_port(),
            management_port: rabbit.management_port(),
            ca_file: rabbit.ca_file(),
            api: rabbit.api(),
        };
        vhost.api.put_vhost(&vhost.name).await;
        vhost.tag("administrator").await;
        vhost.permit(".*", ".*", ".*").await;
        // The client that sets things up is not the user under test, whose permissions may be taken away.
        vhost.api.put_permissions(&vhost.name, "guest", ".*", ".*", ".*").await;
        vhost
    }

    /// Gives the user these tags alone: `administrator`, `policymaker,monitoring`, `management`, or none.
    pub async fn tag(&self, tags: &str) {
        self.api.put_user(&self.user, &self.password, tags).await;
    }

    /// Gives the user these permissions alone: regular expressions, an empty one allows nothing.
    pub async fn permit(&self, configure: &str, write: &str, read: &str) {
        self.api.put_permissions(&self.name, &self.user, configure, write, read).await;
    }

    /// The settings of a profile that reaches it without TLS.
    pub fn settings(&self) -> Settings {
        self.settings_at(self.amqp_port)
    }

    /// The same by another port, for a proxy in between.
    pub fn settings_at(&self, amqp_port: u16) -> Settings {
        Settings::from_iter([
            ("address", format!("amqp://127.0.0.1:{amqp_port}")),
            ("vhost", self.name.clone()),
            ("user", self.user.clone()),
            ("management", self.management_url()),
            ("tls", "system".to_owned()),
        ])
    }

    /// The settings of a profile that reaches it with TLS and trusts the tests' own authority. Management stays plain.
    pub fn settings_tls(&self) -> Settings {
        let mut settings = self.settings();
        settings.set("address", format!("amqps://localhost:{}", self.amqps_port));
        settings.set("tls", "ca");
        settings.set("ca_file", self.ca_file.to_string_lossy());
        settings
    }

    pub fn secret(&self) -> Secret {
        Secret::new(self.password.clone())
    }

    pub fn management_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.management_port)
    }

    /// `amqp://user:password@127.0.0.1:port/vhost?management=...`, for a form that reads URLs.
    pub fn url(&self) -> String {
        let mut url = Url::parse(&format!("amqp://127.0.0.1:{}", self.amqp_port)).expect("the address is one");
        url.set_username(&self.user).expect("the URL has a host");
        url.set_password(Some(&self.password)).expect("the URL has a host");
        url.path_segments_mut().expect("the URL has a path").push(&self.name);
        url.query_pairs_mut().append_pair("management", &self.management_url());
        url.into()
    }

    /// The management API as an administrator.
    pub fn api(&self) -> &Api {
        &self.api
    }

    /// An AMQP client that is not ours, on this virtual host, as another user than the one under test.
    pub async fn client(&self) -> Client {
        Client::connect(self.amqp_port, &self.name).await
    }

    pub async fn put_policy(&self, name: &str, pattern: &str, definition: serde_json::Value) {
        self.api.put_policy(&self.name, name, pattern, definition).await;
    }

    pub async fn delete_policy(&self, name: &str) {
        self.api.delete_policy(&self.name, name).await;
    }

    pub async fn delete_queue(&self, queue: &str) {
        self.api.delete_queue(&self.name, queue).await;
    }
}
