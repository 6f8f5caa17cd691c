//! Whoever hosts domains, or serves their records.

use acme_solver::dns::Variable;
use dns_update::DnsUpdater;
use dns_update::providers::joker::JokerAuth;

use super::provider::{LIMIT, NONE, Provider, Values, ttl};

pub(super) const HOSTS: &[Provider] = &[
    Provider {
        name: "arvancloud",
        title: "ArvanCloud",
        variables: &[Variable::required("ARVANCLOUD_API_KEY", "an API key"), ttl("ARVANCLOUD_TTL")],
        ttl: 600,
        make: |v| DnsUpdater::new_arvancloud(v.text("ARVANCLOUD_API_KEY"), LIMIT),
    },
    Provider {
        name: "autodns",
        title: "AutoDNS",
        variables: &[
            Variable::required("AUTODNS_API_USER", "the user name"),
            Variable::required("AUTODNS_API_PASSWORD", "the password"),
            Variable::optional("AUTODNS_CONTEXT", "the context [4]"),
            ttl("AUTODNS_TTL"),
        ],
        ttl: 600,
        make: |v| {
            DnsUpdater::new_autodns(
                v.text("AUTODNS_API_USER"),
                v.text("AUTODNS_API_PASSWORD"),
                v.number("AUTODNS_CONTEXT")?,
                LIMIT,
            )
        },
    },
    Provider {
        name: "bunny",
        title: "bunny.net",
        variables: &[Variable::required("BUNNY_API_KEY", "an API key"), ttl("BUNNY_TTL")],
        ttl: 60,
        make: |v| DnsUpdater::new_bunny(v.text("BUNNY_API_KEY"), LIMIT),
    },
    Provider {
        name: "cloudns",
        title: "ClouDNS",
        variables: &[
            Variable::usual("CLOUDNS_AUTH_ID", "the id of an API user"),
            Variable::optional("CLOUDNS_SUB_AUTH_ID", "the id of an API sub-user, in place of a user"),
            Variable::required("CLOUDNS_AUTH_PASSWORD", "the password"),
            ttl("CLOUDNS_TTL"),
        ],
        ttl: 60,
        make: |v| {
            DnsUpdater::new_cloudns(
                v.some("CLOUDNS_AUTH_ID"),
                v.some("CLOUDNS_SUB_AUTH_ID"),
                v.text("CLOUDNS_AUTH_PASSWORD"),
                LIMIT,
            )
        },
    },
    Provider {
        name: "constellix",
        title: "Constellix",
        variables: &[
            Variable::required("CONSTELLIX_API_KEY", "an API key"),
            Variable::required("CONSTELLIX_SECRET_KEY", "its secret"),
            ttl("CONSTELLIX_TTL"),
        ],
        ttl: 60,
        make: |v| {
            DnsUpdater::new_constellix(v.text("CONSTELLIX_API_KEY"), v.text("CONSTELLIX_SECRET_KEY"), LIMIT)
        },
    },
    Provider {
        name: "ddnss",
        title: "DDNSS",
        variables: &[Variable::required("DDNSS_KEY", "the update key"), ttl("DDNSS_TTL")],
        ttl: 120,
        make: |v| DnsUpdater::new_ddnss(v.text("DDNSS_KEY"), LIMIT),
    },
    Provider {
        name: "dnsimple",
        title: "DNSimple",
        variables: &[
            Variable::required("DNSIMPLE_OAUTH_TOKEN", "an account token"),
            Variable::required("DNSIMPLE_ACCOUNT_ID", "the id of the account"),
            ttl("DNSIMPLE_TTL"),
        ],
        ttl: 120,
        make: |v| {
            DnsUpdater::new_dnsimple(v.text("DNSIMPLE_OAUTH_TOKEN"), v.text("DNSIMPLE_ACCOUNT_ID"), LIMIT)
        },
    },
    Provider {
        name: "dnsmadeeasy",
        title: "DNS Made Easy",
        variables: &[
            Variable::required("DNSMADEEASY_API_KEY", "an API key"),
            Variable::required("DNSMADEEASY_API_SECRET", "its secret"),
            ttl("DNSMADEEASY_TTL"),
        ],
        ttl: 120,
        make: |v| {
            DnsUpdater::new_dnsmadeeasy(
                v.text("DNSMADEEASY_API_KEY"),
                v.text("DNSMADEEASY_API_SECRET"),
                LIMIT,
            )
        },
    },
    Provider {
        name: "domeneshop",
        title: "Domeneshop",
        variables: &[
            Variable::required("DOMENESHOP_API_TOKEN", "an API token"),
            Variable::required("DOMENESHOP_API_SECRET", "its secret"),
            ttl("DOMENESHOP_TTL"),
        ],
        ttl: 300,
        make: |v| {
            DnsUpdater::new_domeneshop(v.text("DOMENESHOP_API_TOKEN"), v.text("DOMENESHOP_API_SECRET"), LIMIT)
        },
    },
    Provider {
        name: "dreamhost",
        title: "DreamHost",
        variables: &[Variable::required("DREAMHOST_API_KEY", "an API key"), ttl("DREAMHOST_TTL")],
        ttl: 300,
        make: |v| DnsUpdater::new_dreamhost(v.text("DREAMHOST_API_KEY"), LIMIT),
    },
    Provider {
        name: "duckdns",
        title: "Duck DNS",
        variables: &[Variable::required("DUCKDNS_TOKEN", "the token of the account"), ttl("DUCKDNS_TTL")],
        ttl: 60,
        make: |v| DnsUpdater::new_duckdns(v.text("DUCKDNS_TOKEN"), LIMIT),
    },
    Provider {
        name: "dynu",
        title: "Dynu",
        variables: &[Variable::required("DYNU_API_KEY", "an API key"), ttl("DYNU_TTL")],
        ttl: 300,
        make: |v| DnsUpdater::new_dynu(v.text("DYNU_API_KEY"), LIMIT),
    },
    Provider {
        name: "easydns",
        title: "easyDNS",
        variables: &[
            Variable::required("EASYDNS_TOKEN", "an API token"),
            Variable::required("EASYDNS_KEY", "its key"),
            ttl("EASYDNS_TTL"),
        ],
        ttl: 120,
        make: |v| DnsUpdater::new_easydns(v.text("EASYDNS_TOKEN"), v.text("EASYDNS_KEY"), LIMIT),
    },
    Provider {
        name: "exoscale",
        title: "Exoscale",
        variables: &[
            Variable::required("EXOSCALE_API_KEY", "an API key"),
            Variable::required("EXOSCALE_API_SECRET", "its secret"),
            ttl("EXOSCALE_TTL"),
        ],
        ttl: 120,
        make: |v| DnsUpdater::new_exoscale(v.text("EXOSCALE_API_KEY"), v.text("EXOSCALE_API_SECRET"), LIMIT),
    },
    Provider {
        name: "freemyip",
        title: "freemyip.com",
        variables: &[Variable::required("FREEMYIP_TOKEN", "the token of the domain"), ttl("FREEMYIP_TTL")],
        ttl: 60,
        make: |v| DnsUpdater::new_freemyip(v.text("FREEMYIP_TOKEN"), LIMIT),
    },
    Provider {
        name: "gcore",
        title: "Gcore",
        variables: &[
            Variable::required("GCORE_PERMANENT_API_TOKEN", "a permanent API token"),
            ttl("GCORE_TTL"),
        ],
        ttl: 120,
        make: |v| DnsUpdater::new_gcore(v.text("GCORE_PERMANENT_API_TOKEN"), LIMIT),
    },
    Provider {
        name: "glesys",
        title: "GleSYS",
        variables: &[
            Variable::required("GLESYS_API_USER", "the API user"),
            Variable::required("GLESYS_API_KEY", "an API key"),
            ttl("GLESYS_TTL"),
        ],
        ttl: 60,
        make: |v| DnsUpdater::new_glesys(v.text("GLESYS_API_USER"), v.text("GLESYS_API_KEY"), LIMIT),
    },
    Provider {
        name: "godaddy",
        title: "GoDaddy",
        variables: &[
            Variable::required("GODADDY_API_KEY", "an API key"),
            Variable::required("GODADDY_API_SECRET", "its secret"),
            ttl("GODADDY_TTL"),
        ],
        ttl: 600,
        make: |v| DnsUpdater::new_godaddy(v.text("GODADDY_API_KEY"), v.text("GODADDY_API_SECRET"), LIMIT),
    },
    Provider {
        name: "hostingde",
        title: "hosting.de",
        variables: &[Variable::required("HOSTINGDE_API_KEY", "an API key"), ttl("HOSTINGDE_TTL")],
        ttl: 120,
        make: |v| DnsUpdater::new_hostingde(v.text("HOSTINGDE_API_KEY"), LIMIT),
    },
    Provider {
        name: "hostinger",
        title: "Hostinger",
        variables: &[Variable::required("HOSTINGER_API_TOKEN", "an API token"), ttl("HOSTINGER_TTL")],
        ttl: 120,
        make: |v| DnsUpdater::new_hostinger(v.text("HOSTINGER_API_TOKEN"), LIMIT),
    },
    Provider {
        name: "infomaniak",
        title: "Infomaniak",
        variables: &[Variable::required("INFOMANIAK_ACCESS_TOKEN", "an API token"), ttl("INFOMANIAK_TTL")],
        ttl: 300,
        make: |v| DnsUpdater::new_infomaniak(v.text("INFOMANIAK_ACCESS_TOKEN"), LIMIT),
    },
    Provider {
        name: "inwx",
        title: "INWX",
        variables: &[
            Variable::required("INWX_USERNAME", "the user name"),
            Variable::required("INWX_PASSWORD", "the password"),
            ttl("INWX_TTL"),
        ],
        ttl: 300,
        make: |v| DnsUpdater::new_inwx(v.text("INWX_USERNAME"), v.text("INWX_PASSWORD"), false, LIMIT),
    },
    Provider {
        name: "ionos",
        title: "IONOS",
        variables: &[Variable::required("IONOS_API_KEY", "an API key"), ttl("IONOS_TTL")],
        ttl: 300,
        make: |v| DnsUpdater::new_ionos(v.text("IONOS_API_KEY"), LIMIT),
    },
    Provider {
        name: "ipv64",
        title: "IPv64",
        variables: &[Variable::required("IPV64_API_KEY", "an API key"), ttl("IPV64_TTL")],
        ttl: 60,
        make: |v| DnsUpdater::new_ipv64(v.text("IPV64_API_KEY"), LIMIT),
    },
    Provider {
        name: "joker",
        title: "Joker",
        variables: &[
            Variable::usual("JOKER_API_KEY", "an API key"),
            Variable::optional("JOKER_USERNAME", "the user name, where there is no key"),
            Variable::optional("JOKER_PASSWORD", "the password to it"),
            ttl("JOKER_TTL"),
        ],
        ttl: 300,
        make: |v| DnsUpdater::new_joker(joker(v), LIMIT),
    },
    Provider {
        name: "linode",
        title: "Linode",
        variables: &[Variable::required("LINODE_TOKEN", "an API token"), ttl("LINODE_TTL")],
        ttl: 300,
        make: |v| DnsUpdater::new_linode(v.text("LINODE_TOKEN"), LIMIT),
    },
    Provider {
        name: "luadns",
        title: "LuaDNS",
        variables: &[
            Variable::required("LUADNS_API_USERNAME", "the user name"),
            Variable::required("LUADNS_API_TOKEN", "an API token"),
            ttl("LUADNS_TTL"),
        ],
        ttl: 300,
        make: |v| DnsUpdater::new_luadns(v.text("LUADNS_API_USERNAME"), v.text("LUADNS_API_TOKEN"), LIMIT),
    },
    Provider {
        name: "mythicbeasts",
        title: "Mythic Beasts",
        variables: &[
            Variable::required("MYTHICBEASTS_USERNAME", "the id of an API key"),
            Variable::required("MYTHICBEASTS_PASSWORD", "its secret"),
            ttl("MYTHICBEASTS_TTL"),
        ],
        ttl: 120,
        make: |v| {
            DnsUpdater::new_mythicbeasts(
                v.text("MYTHICBEASTS_USERNAME"),
                v.text("MYTHICBEASTS_PASSWORD"),
                LIMIT,
            )
        },
    },
    Provider {
        name: "namecheap",
        title: "Namecheap",
        variables: &[
            Variable::required("NAMECHEAP_API_USER", "the API user"),
            Variable::required("NAMECHEAP_API_KEY", "an API key"),
            Variable::required("NAMECHEAP_CLIENT_IP", "the address of this machine that Namecheap was told"),
            ttl("NAMECHEAP_TTL"),
        ],
        ttl: 120,
        make: |v| {
            DnsUpdater::new_namecheap(
                v.text("NAMECHEAP_API_USER"),
                v.text("NAMECHEAP_API_KEY"),
                v.text("NAMECHEAP_CLIENT_IP"),
                NONE,
                LIMIT,
            )
        },
    },
    Provider {
        name: "namedotcom",
        title: "Name.com",
        variables: &[
            Variable::required("NAMECOM_USERNAME", "the user name"),
            Variable::required("NAMECOM_API_TOKEN", "an API token"),
            ttl("NAMECOM_TTL"),
        ],
        ttl: 300,
        make: |v| DnsUpdater::new_namedotcom(v.text("NAMECOM_USERNAME"), v.text("NAMECOM_API_TOKEN"), LIMIT),
    },
    Provider {
        name: "namesilo",
        title: "NameSilo",
        variables: &[Variable::required("NAMESILO_API_KEY", "an API key"), ttl("NAMESILO_TTL")],
        ttl: 3600,
        make: |v| DnsUpdater::new_namesilo(v.text("NAMESILO_API_KEY"), LIMIT),
    },
    Provider {
        name: "netcup",
        title: "netcup",
        variables: &[
            Variable::required("NETCUP_CUSTOMER_NUMBER", "the customer number"),
            Variable::required("NETCUP_API_KEY", "an API key"),
            Variable::required("NETCUP_API_PASSWORD", "the API password"),
            ttl("NETCUP_TTL"),
        ],
        ttl: 120,
        make: |v| {
            DnsUpdater::new_netcup(
                v.text("NETCUP_CUSTOMER_NUMBER"),
                v.text("NETCUP_API_KEY"),
                v.text("NETCUP_API_PASSWORD"),
                LIMIT,
            )
        },
    },
    Provider {
        name: "netlify",
        title: "Netlify",
        variables: &[Variable::required("NETLIFY_TOKEN", "an API token"), ttl("NETLIFY_TTL")],
        ttl: 300,
        make: |v| DnsUpdater::new_netlify(v.text("NETLIFY_TOKEN"), LIMIT),
    },
    Provider {
        name: "ns1",
        title: "NS1",
        variables: &[Variable::required("NS1_API_KEY", "an API key"), ttl("NS1_TTL")],
        ttl: 120,
        make: |v| DnsUpdater::new_ns1(v.text("NS1_API_KEY"), LIMIT),
    },
    Provider {
        name: "porkbun",
        title: "Porkbun",
        variables: &[
            Variable::required("PORKBUN_API_KEY", "an API key"),
            Variable::required("PORKBUN_SECRET_API_KEY", "its secret"),
            ttl("PORKBUN_TTL"),
        ],
        ttl: 600,
        make: |v| DnsUpdater::new_porkbun(v.text("PORKBUN_API_KEY"), v.text("PORKBUN_SECRET_API_KEY"), LIMIT),
    },
    Provider {
        name: "safedns",
        title: "SafeDNS",
        variables: &[Variable::required("SAFEDNS_AUTH_TOKEN", "an API token"), ttl("SAFEDNS_TTL")],
        ttl: 120,
        make: |v| DnsUpdater::new_safedns(v.text("SAFEDNS_AUTH_TOKEN"), LIMIT),
    },
    Provider {
        name: "simply",
        title: "Simply.com",
        variables: &[
            Variable::required("SIMPLY_ACCOUNT_NAME", "the name of the account"),
            Variable::required("SIMPLY_API_KEY", "an API key"),
            ttl("SIMPLY_TTL"),
        ],
        ttl: 120,
        make: |v| DnsUpdater::new_simplycom(v.text("SIMPLY_ACCOUNT_NAME"), v.text("SIMPLY_API_KEY"), LIMIT),
    },
    Provider {
        name: "spaceship",
        title: "Spaceship",
        variables: &[
            Variable::required("SPACESHIP_API_KEY", "an API key"),
            Variable::required("SPACESHIP_API_SECRET", "its secret"),
            ttl("SPACESHIP_TTL"),
        ],
        ttl: 120,
        make: |v| {
            DnsUpdater::new_spaceship(v.text("SPACESHIP_API_KEY"), v.text("SPACESHIP_API_SECRET"), LIMIT)
        },
    },
    Provider {
        name: "transip",
        title: "TransIP",
        variables: &[
            Variable::required("TRANSIP_ACCOUNT_NAME", "the name of the account"),
            Variable::required("TRANSIP_PRIVATE_KEY", "the private key as PEM")
                .or_file(&["TRANSIP_PRIVATE_KEY_PATH"]),
            ttl("TRANSIP_TTL"),
        ],
        ttl: 60,
        make: |v| {
            DnsUpdater::new_transip(
                v.text("TRANSIP_ACCOUNT_NAME"),
                v.text("TRANSIP_PRIVATE_KEY"),
                true,
                LIMIT,
            )
        },
    },
    Provider {
        name: "ultradns",
        title: "UltraDNS",
        variables: &[
            Variable::required("ULTRADNS_USERNAME", "the user name"),
            Variable::required("ULTRADNS_PASSWORD", "the password"),
            Variable::optional("ULTRADNS_ENDPOINT", "another address of the API"),
            ttl("ULTRADNS_TTL"),
        ],
        ttl: 120,
        make: |v| {
            DnsUpdater::new_ultradns(
                v.text("ULTRADNS_USERNAME"),
                v.text("ULTRADNS_PASSWORD"),
                v.owned("ULTRADNS_ENDPOINT"),
                LIMIT,
            )
        },
    },
    Provider {
        name: "vercel",
        title: "Vercel",
        variables: &[
            Variable::required("VERCEL_API_TOKEN", "an API token"),
            Variable::optional("VERCEL_TEAM_ID", "the id of the team"),
            ttl("VERCEL_TTL"),
        ],
        ttl: 60,
        make: |v| DnsUpdater::new_vercel(v.text("VERCEL_API_TOKEN"), v.some("VERCEL_TEAM_ID"), LIMIT),
    },
    Provider {
        name: "vultr",
        title: "Vultr",
        variables: &[Variable::required("VULTR_API_KEY", "an API key"), ttl("VULTR_TTL")],
        ttl: 120,
        make: |v| DnsUpdater::new_vultr(v.text("VULTR_API_KEY"), LIMIT),
    },
    Provider {
        name: "websupport",
        title: "Websupport",
        variables: &[
            Variable::required("WEBSUPPORT_API_KEY", "an API key"),
            Variable::required("WEBSUPPORT_SECRET", "its secret"),
            ttl("WEBSUPPORT_TTL"),
        ],
        ttl: 600,
        make: |v| {
            DnsUpdater::new_websupport(v.text("WEBSUPPORT_API_KEY"), v.text("WEBSUPPORT_SECRET"), LIMIT)
        },
    },
    Provider {
        name: "zoneee",
        title: "Zone.ee",
        variables: &[
            Variable::required("ZONEEE_API_USER", "the API user"),
            Variable::required("ZONEEE_API_KEY", "an API key"),
            ttl("ZONEEE_TTL"),
        ],
        ttl: 120,
        make: |v| DnsUpdater::new_zoneeu(v.text("ZONEEE_API_USER"), v.text("ZONEEE_API_KEY"), LIMIT),
    },
];

fn joker(v: &Values<'_>) -> JokerAuth {
    match v.some("JOKER_API_KEY") {
        Some(key) => JokerAuth::api_key(key),
        None => JokerAuth::UsernamePassword {
            username: v.text("JOKER_USERNAME").to_owned(),
            password: v.text("JOKER_PASSWORD").to_owned(),
        },
    }
}
