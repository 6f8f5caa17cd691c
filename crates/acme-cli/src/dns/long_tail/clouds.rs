//! Clouds, and servers of one's own.

use acme_solver::dns::Variable;
use dns_update::DnsUpdater;
use dns_update::providers::bluecatv2::BluecatV2Config;
use dns_update::providers::edgedns::EdgeDnsConfig;
use dns_update::providers::infoblox::InfobloxConfig;
use dns_update::providers::lightsail::LightsailConfig;
use dns_update::providers::oraclecloud::OracleCloudConfig;
use dns_update::providers::volcengine::VolcengineConfig;
use dns_update::providers::yandexcloud::YandexCloudConfig;

use super::provider::{LIMIT, NONE, Provider, ttl};

pub(super) const CLOUDS: &[Provider] = &[
    Provider {
        name: "alidns",
        title: "Alibaba Cloud DNS",
        variables: &[
            Variable::required("ALICLOUD_ACCESS_KEY", "the id of an access key"),
            Variable::required("ALICLOUD_SECRET_KEY", "its secret"),
            Variable::optional("ALICLOUD_SECURITY_TOKEN", "the token of temporary credentials"),
            Variable::optional("ALICLOUD_REGION_ID", "the region"),
            ttl("ALICLOUD_TTL"),
        ],
        ttl: 600,
        make: |v| {
            DnsUpdater::new_alidns(
                v.text("ALICLOUD_ACCESS_KEY"),
                v.text("ALICLOUD_SECRET_KEY"),
                v.some("ALICLOUD_REGION_ID"),
                v.some("ALICLOUD_SECURITY_TOKEN"),
                NONE,
                LIMIT,
            )
        },
    },
    Provider {
        name: "baiducloud",
        title: "Baidu Cloud",
        variables: &[
            Variable::required("BAIDUCLOUD_ACCESS_KEY_ID", "the id of an access key"),
            Variable::required("BAIDUCLOUD_SECRET_ACCESS_KEY", "its secret"),
            ttl("BAIDUCLOUD_TTL"),
        ],
        ttl: 300,
        make: |v| {
            DnsUpdater::new_baiducloud(
                v.text("BAIDUCLOUD_ACCESS_KEY_ID"),
                v.text("BAIDUCLOUD_SECRET_ACCESS_KEY"),
                LIMIT,
            )
        },
    },
    Provider {
        name: "bluecatv2",
        title: "Bluecat Address Manager",
        variables: &[
            Variable::required("BLUECATV2_SERVER_URL", "the URL of the server"),
            Variable::required("BLUECATV2_USERNAME", "the user name"),
            Variable::required("BLUECATV2_PASSWORD", "the password"),
            Variable::required("BLUECATV2_CONFIG_NAME", "the name of the configuration"),
            Variable::required("BLUECATV2_VIEW_NAME", "the name of the view"),
            ttl("BLUECATV2_TTL"),
        ],
        ttl: 120,
        make: |v| {
            DnsUpdater::new_bluecatv2(BluecatV2Config {
                server_url: v.text("BLUECATV2_SERVER_URL").to_owned(),
                username: v.text("BLUECATV2_USERNAME").to_owned(),
                password: v.text("BLUECATV2_PASSWORD").to_owned(),
                config_name: v.text("BLUECATV2_CONFIG_NAME").to_owned(),
                view_name: v.text("BLUECATV2_VIEW_NAME").to_owned(),
                skip_deploy: false,
                request_timeout: LIMIT,
            })
        },
    },
    Provider {
        name: "cpanel",
        title: "cPanel",
        variables: &[
            Variable::required("CPANEL_BASE_URL", "the URL of the server, as https://example.com:2083"),
            Variable::required("CPANEL_USERNAME", "the user name"),
            Variable::required("CPANEL_TOKEN", "an API token"),
            ttl("CPANEL_TTL"),
        ],
        ttl: 300,
        make: |v| {
            DnsUpdater::new_cpanel(
                v.text("CPANEL_BASE_URL"),
                v.text("CPANEL_USERNAME"),
                v.text("CPANEL_TOKEN"),
                LIMIT,
            )
        },
    },
    Provider {
        name: "edgedns",
        title: "Akamai Edge DNS",
        variables: &[
            Variable::required("AKAMAI_HOST", "the host of the API"),
            Variable::required("AKAMAI_CLIENT_TOKEN", "the client token"),
            Variable::required("AKAMAI_CLIENT_SECRET", "the client secret"),
            Variable::required("AKAMAI_ACCESS_TOKEN", "the access token"),
            Variable::optional("AKAMAI_ACCOUNT_SWITCH_KEY", "the key of another account"),
            ttl("AKAMAI_TTL"),
        ],
        ttl: 120,
        make: |v| {
            DnsUpdater::new_edgedns(EdgeDnsConfig {
                host: v.text("AKAMAI_HOST").to_owned(),
                client_token: v.text("AKAMAI_CLIENT_TOKEN").to_owned(),
                client_secret: v.text("AKAMAI_CLIENT_SECRET").to_owned(),
                access_token: v.text("AKAMAI_ACCESS_TOKEN").to_owned(),
                account_switch_key: v.owned("AKAMAI_ACCOUNT_SWITCH_KEY"),
                request_timeout: LIMIT,
            })
        },
    },
    Provider {
        name: "huaweicloud",
        title: "Huawei Cloud",
        variables: &[
            Variable::required("HUAWEICLOUD_ACCESS_KEY_ID", "the id of an access key"),
            Variable::required("HUAWEICLOUD_SECRET_ACCESS_KEY", "its secret"),
            Variable::required("HUAWEICLOUD_REGION", "the region"),
            ttl("HUAWEICLOUD_TTL"),
        ],
        ttl: 300,
        make: |v| {
            DnsUpdater::new_huaweicloud(
                v.text("HUAWEICLOUD_ACCESS_KEY_ID"),
                v.text("HUAWEICLOUD_SECRET_ACCESS_KEY"),
                v.text("HUAWEICLOUD_REGION"),
                LIMIT,
            )
        },
    },
    Provider {
        name: "ibmcloud",
        title: "IBM Cloud",
        variables: &[
            Variable::required("SOFTLAYER_USERNAME", "the user name"),
            Variable::required("SOFTLAYER_API_KEY", "a classic infrastructure API key"),
            ttl("SOFTLAYER_TTL"),
        ],
        ttl: 120,
        make: |v| DnsUpdater::new_ibmcloud(v.text("SOFTLAYER_USERNAME"), v.text("SOFTLAYER_API_KEY"), LIMIT),
    },
    Provider {
        name: "infoblox",
        title: "Infoblox",
        variables: &[
            Variable::required("INFOBLOX_HOST", "the host of the grid manager, or its URL"),
            Variable::required("INFOBLOX_USERNAME", "the user name"),
            Variable::required("INFOBLOX_PASSWORD", "the password"),
            Variable::optional("INFOBLOX_PORT", "its port [443]"),
            Variable::optional("INFOBLOX_WAPI_VERSION", "the version of WAPI [2.11]"),
            Variable::optional("INFOBLOX_DNS_VIEW", "the view [External]"),
            ttl("INFOBLOX_TTL"),
        ],
        ttl: 120,
        make: |v| {
            DnsUpdater::new_infoblox(InfobloxConfig {
                host: v.text("INFOBLOX_HOST").to_owned(),
                port: v.owned("INFOBLOX_PORT"),
                username: v.text("INFOBLOX_USERNAME").to_owned(),
                password: v.text("INFOBLOX_PASSWORD").to_owned(),
                wapi_version: v.owned("INFOBLOX_WAPI_VERSION"),
                dns_view: v.owned("INFOBLOX_DNS_VIEW"),
                request_timeout: LIMIT,
            })
        },
    },
    Provider {
        name: "lightsail",
        title: "Amazon Lightsail",
        variables: &[
            Variable::required("AWS_ACCESS_KEY_ID", "the id of an access key"),
            Variable::required("AWS_SECRET_ACCESS_KEY", "the access key"),
            Variable::optional("AWS_SESSION_TOKEN", "the token of temporary credentials"),
            Variable::optional("DNS_ZONE", "the only domain to write"),
            ttl("LIGHTSAIL_TTL"),
        ],
        ttl: 60,
        make: |v| {
            DnsUpdater::new_lightsail(LightsailConfig {
                access_key_id: v.text("AWS_ACCESS_KEY_ID").to_owned(),
                secret_access_key: v.text("AWS_SECRET_ACCESS_KEY").to_owned(),
                session_token: v.owned("AWS_SESSION_TOKEN"),
                region: None,
                domain: v.owned("DNS_ZONE"),
                request_timeout: LIMIT,
            })
        },
    },
    Provider {
        name: "nifcloud",
        title: "NIFCLOUD",
        variables: &[
            Variable::required("NIFCLOUD_ACCESS_KEY_ID", "the id of an access key"),
            Variable::required("NIFCLOUD_SECRET_ACCESS_KEY", "its secret"),
            ttl("NIFCLOUD_TTL"),
        ],
        ttl: 120,
        make: |v| {
            DnsUpdater::new_nifcloud(
                v.text("NIFCLOUD_ACCESS_KEY_ID"),
                v.text("NIFCLOUD_SECRET_ACCESS_KEY"),
                LIMIT,
            )
        },
    },
    Provider {
        name: "oraclecloud",
        title: "Oracle Cloud",
        variables: &[
            Variable::required("OCI_TENANCY_OCID", "the OCID of the tenancy"),
            Variable::required("OCI_USER_OCID", "the OCID of the user"),
            Variable::required("OCI_PUBKEY_FINGERPRINT", "the fingerprint of the key"),
            Variable::required("OCI_PRIVKEY", "the private key as PEM, or its path in OCI_PRIVKEY_FILE"),
            Variable::optional("OCI_PRIVKEY_PASS", "the password of the private key"),
            Variable::required("OCI_REGION", "the region"),
            Variable::required("OCI_COMPARTMENT_OCID", "the OCID of the compartment"),
            ttl("OCI_TTL"),
        ],
        ttl: 120,
        make: |v| {
            DnsUpdater::new_oraclecloud(OracleCloudConfig {
                tenancy_ocid: v.text("OCI_TENANCY_OCID").to_owned(),
                user_ocid: v.text("OCI_USER_OCID").to_owned(),
                fingerprint: v.text("OCI_PUBKEY_FINGERPRINT").to_owned(),
                private_key_pem: v.text("OCI_PRIVKEY").to_owned(),
                private_key_password: v.owned("OCI_PRIVKEY_PASS"),
                region: v.text("OCI_REGION").to_owned(),
                compartment_ocid: v.text("OCI_COMPARTMENT_OCID").to_owned(),
                request_timeout: LIMIT,
            })
        },
    },
    Provider {
        name: "plesk",
        title: "Plesk",
        variables: &[
            Variable::required("PLESK_SERVER_BASE_URL", "the URL of the server, as https://example.com:8443"),
            Variable::required("PLESK_API_KEY", "an API key of the server"),
            ttl("PLESK_TTL"),
        ],
        ttl: 300,
        make: |v| DnsUpdater::new_plesk(v.text("PLESK_SERVER_BASE_URL"), v.text("PLESK_API_KEY"), LIMIT),
    },
    Provider {
        name: "scaleway",
        title: "Scaleway",
        variables: &[
            Variable::required("SCW_SECRET_KEY", "the secret of an API key").or(&["SCALEWAY_API_TOKEN"]),
            ttl("SCW_TTL"),
        ],
        ttl: 60,
        make: |v| DnsUpdater::new_scaleway(v.text("SCW_SECRET_KEY"), LIMIT),
    },
    Provider {
        name: "selectelv2",
        title: "Selectel",
        variables: &[
            Variable::required("SELECTELV2_USERNAME", "the name of a service user"),
            Variable::required("SELECTELV2_PASSWORD", "the password"),
            Variable::required("SELECTELV2_ACCOUNT_ID", "the number of the account"),
            Variable::required("SELECTELV2_PROJECT_ID", "the id of the project"),
            ttl("SELECTELV2_TTL"),
        ],
        ttl: 60,
        make: |v| {
            DnsUpdater::new_selectel(
                v.text("SELECTELV2_USERNAME"),
                v.text("SELECTELV2_PASSWORD"),
                v.text("SELECTELV2_ACCOUNT_ID"),
                v.text("SELECTELV2_PROJECT_ID"),
                LIMIT,
            )
        },
    },
    Provider {
        name: "tencentcloud",
        title: "Tencent Cloud",
        variables: &[
            Variable::required("TENCENTCLOUD_SECRET_ID", "the id of an access key"),
            Variable::required("TENCENTCLOUD_SECRET_KEY", "its secret"),
            Variable::optional("TENCENTCLOUD_REGION", "the region"),
            Variable::optional("TENCENTCLOUD_SESSION_TOKEN", "the token of temporary credentials"),
            ttl("TENCENTCLOUD_TTL"),
        ],
        ttl: 600,
        make: |v| {
            DnsUpdater::new_tencentcloud(
                v.text("TENCENTCLOUD_SECRET_ID"),
                v.text("TENCENTCLOUD_SECRET_KEY"),
                v.some("TENCENTCLOUD_REGION"),
                v.some("TENCENTCLOUD_SESSION_TOKEN"),
                LIMIT,
            )
        },
    },
    Provider {
        name: "volcengine",
        title: "Volcano Engine",
        variables: &[
            Variable::required("VOLC_ACCESSKEY", "the id of an access key"),
            Variable::required("VOLC_SECRETKEY", "its secret"),
            Variable::optional("VOLC_REGION", "the region"),
            ttl("VOLC_TTL"),
        ],
        ttl: 600,
        make: |v| {
            DnsUpdater::new_volcengine(VolcengineConfig {
                access_key: v.text("VOLC_ACCESSKEY").to_owned(),
                secret_key: v.text("VOLC_SECRETKEY").to_owned(),
                region: v.owned("VOLC_REGION"),
                host: None,
                scheme: None,
                request_timeout: LIMIT,
            })
        },
    },
    Provider {
        name: "yandexcloud",
        title: "Yandex Cloud",
        variables: &[
            Variable::required("YANDEX_CLOUD_IAM_TOKEN", "the key of a service account as JSON, in base64"),
            Variable::required("YANDEX_CLOUD_FOLDER_ID", "the id of the folder"),
            ttl("YANDEX_CLOUD_TTL"),
        ],
        ttl: 60,
        make: |v| {
            DnsUpdater::new_yandexcloud(YandexCloudConfig {
                iam_token_b64: v.text("YANDEX_CLOUD_IAM_TOKEN").to_owned(),
                folder_id: v.text("YANDEX_CLOUD_FOLDER_ID").to_owned(),
                request_timeout: LIMIT,
            })
        },
    },
];
