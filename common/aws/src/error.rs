//! What went wrong with AWS, in words that say what to do.

use std::error::Error as StdError;
use std::fmt;

use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use karp_core::report::Error;

/// Why an AWS call did not answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AwsError {
    /// No credentials were found anywhere.
    NoCredentials,
    /// A single sign-on session is over.
    SsoExpired,
    /// The credentials are expired.
    CredentialsExpired,
    /// AWS does not know the credentials.
    CredentialsRejected {
        /// AWS's words.
        message: String,
    },
    /// An IAM action is missing.
    Denied {
        /// The action, `ec2:DescribeInstanceTypes`.
        action: String,
        /// AWS's words.
        message: String,
    },
    /// AWS asked to slow down and went on asking.
    Throttled {
        /// The action.
        action: String,
    },
    /// Nobody answered.
    Unreachable {
        /// The action.
        action: String,
        /// The causes, outermost first.
        causes: Vec<String>,
    },
    /// The thing asked for does not exist.
    NotFound {
        /// The action.
        action: String,
        /// AWS's words.
        message: String,
    },
    /// Something else.
    Other {
        /// The action.
        action: String,
        /// What AWS or the SDK said.
        message: String,
    },
    /// No region is set.
    NoRegion,
    /// Settings that cannot be used.
    Settings {
        /// What is wrong.
        message: String,
    },
}

impl AwsError {
    /// From the SDK's error of an action.
    pub(crate) fn of<E, R>(action: &str, error: &SdkError<E, R>) -> Self
    where
        E: ProvideErrorMetadata + StdError + 'static,
        R: fmt::Debug + 'static,
    {
        let action = action.to_owned();
        if let SdkError::ServiceError(service) = error {
            let code = service.err().code().unwrap_or_default();
            let message = service.err().message().unwrap_or("no message").to_owned();
            return Self::of_code(action, code, message, &chain(service.err()));
        }
        let causes = chain(error);
        let text = causes.join(": ");
        match error {
            SdkError::TimeoutError(_) => {
                AwsError::Unreachable { action, causes: vec!["no answer in time".to_owned()] }
            }
            SdkError::DispatchFailure(failure) if failure.is_timeout() || failure.is_io() => {
                AwsError::Unreachable { action, causes }
            }
            _ => Self::of_text(action, &text, causes),
        }
    }

    fn of_code(action: String, code: &str, message: String, causes: &[String]) -> Self {
        match code {
            "UnauthorizedOperation" | "AccessDenied" | "AccessDeniedException" => {
                AwsError::Denied { action, message }
            }
            "ExpiredToken" | "ExpiredTokenException" | "RequestExpired" => AwsError::CredentialsExpired,
            "AuthFailure"
            | "InvalidClientTokenId"
            | "UnrecognizedClientException"
            | "SignatureDoesNotMatch"
            | "InvalidSignatureException" => AwsError::CredentialsRejected { message },
            "RequestLimitExceeded" | "Throttling" | "ThrottlingException" | "TooManyRequestsException" => {
                AwsError::Throttled { action }
            }
            "ParameterNotFound" => AwsError::NotFound { action, message },
            code if code.ends_with(".NotFound") => AwsError::NotFound { action, message },
            "" => AwsError::Other { action, message: causes.join(": ") },
            code => AwsError::Other { action, message: format!("{code}: {message}") },
        }
    }

    /// Failures before any answer: the SDK tells them in words only.
    fn of_text(action: String, text: &str, causes: Vec<String>) -> Self {
        let lower = text.to_lowercase();
        let has = |part: &str| lower.contains(part);
        if has("sso") && (has("expired") || has("token") || has("log in") || has("login")) {
            AwsError::SsoExpired
        } else if has("expired") && has("credential") {
            AwsError::CredentialsExpired
        } else if has("no providers in chain provided credentials")
            || has("credentials provider was not enabled")
            || has("credential provider was not enabled")
            || has("no credentials")
        {
            AwsError::NoCredentials
        } else if has("credential") {
            AwsError::CredentialsRejected { message: causes.last().cloned().unwrap_or_default() }
        } else if has("dispatch failure") || has("dns error") || has("connect") {
            AwsError::Unreachable { action, causes }
        } else {
            AwsError::Other { action, message: text.to_owned() }
        }
    }

    /// Whether AWS does not take the credentials at all, whatever is asked.
    pub fn is_about_credentials(&self) -> bool {
        matches!(
            self,
            AwsError::NoCredentials
                | AwsError::SsoExpired
                | AwsError::CredentialsExpired
                | AwsError::CredentialsRejected { .. }
        )
    }

    /// The error for people; `profile` = the one in use.
    pub fn report(&self, profile: Option<&str>) -> Error {
        let option = profile.map(|profile| format!(" --profile {profile}")).unwrap_or_default();
        let login = format!("log in: aws sso login{option}");
        match self {
            AwsError::NoCredentials => Error::unreachable("no AWS credentials were found")
                .hint(login)
                .hint("or set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"),
            AwsError::SsoExpired => Error::unreachable("the AWS single sign-on session is over").hint(login),
            AwsError::CredentialsExpired => Error::unreachable("the AWS credentials are expired").hint(login),
            AwsError::CredentialsRejected { message } => {
                Error::unreachable("AWS does not accept the credentials")
                    .cause(message)
                    .hint("aws sts get-caller-identity tells which ones are in use")
            }
            AwsError::Denied { action, message } => {
                Error::unreachable(format!("AWS does not allow {action} to these credentials"))
                    .cause(message)
                    .hint(format!(
                        "allow {action} (all that kubectl karp reads: kubectl karp catalog iam-policy)"
                    ))
            }
            AwsError::Throttled { action } => {
                Error::unreachable(format!("AWS limits {action}: too many calls in this account and region"))
                    .hint("try again in a minute")
            }
            AwsError::Unreachable { action, causes } => {
                let error = Error::unreachable(format!("AWS cannot be reached ({action})"));
                let error = causes.iter().fold(error, Error::cause);
                error.hint("is the region right, and the network (proxy, VPN)?")
            }
            AwsError::NotFound { action, message } => {
                Error::not_found(format!("AWS knows no such thing ({action})")).cause(message)
            }
            AwsError::Other { action, message } => {
                Error::unreachable(format!("AWS refused {action}")).cause(message)
            }
            AwsError::NoRegion => Error::usage("no AWS region is set")
                .hint("name it: --region us-west-2")
                .hint("or set AWS_REGION, or region in the profile"),
            AwsError::Settings { message } => Error::usage(message.clone()),
        }
    }
}

impl fmt::Display for AwsError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AwsError::NoCredentials => {
                out.write_str("no AWS credentials in env, profile, SSO, web identity or instance role")
            }
            AwsError::SsoExpired => out.write_str("AWS single sign-on session is over"),
            AwsError::CredentialsExpired => out.write_str("AWS credentials expired"),
            AwsError::CredentialsRejected { .. } => out.write_str("AWS credentials not accepted"),
            AwsError::Denied { action, .. } => write!(out, "not allowed: {action}"),
            AwsError::Throttled { action } => write!(out, "limited by AWS: {action}"),
            AwsError::Unreachable { .. } => out.write_str("AWS cannot be reached"),
            AwsError::NotFound { message, .. } => write!(out, "not there: {message}"),
            AwsError::Other { action, message } => write!(out, "{action}: {message}"),
            AwsError::NoRegion => out.write_str("no AWS region is set"),
            AwsError::Settings { message } => out.write_str(message),
        }
    }
}

impl StdError for AwsError {}

/// An error and its sources, outermost first, equal neighbours once.
fn chain(error: &(dyn StdError + 'static)) -> Vec<String> {
    let mut texts = vec![error.to_string()];
    let mut source = error.source();
    while let Some(error) = source {
        texts.push(error.to_string());
        source = error.source();
    }
    texts.dedup();
    texts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_code(code: &str) -> AwsError {
        AwsError::of_code("ec2:DescribeInstances".to_owned(), code, "words".to_owned(), &[])
    }

    #[test]
    fn codes_become_what_to_do() {
        let denied = of_code("UnauthorizedOperation").report(None).to_string();
        insta::assert_snapshot!(denied, @r"
        error: AWS does not allow ec2:DescribeInstances to these credentials
        cause: words
        hint: allow ec2:DescribeInstances (all that kubectl karp reads: kubectl karp catalog iam-policy)
        ");
        insta::assert_snapshot!(of_code("ExpiredToken").report(Some("prod")), @r"
        error: the AWS credentials are expired
        hint: log in: aws sso login --profile prod
        ");
        assert!(matches!(of_code("InvalidAMIID.NotFound"), AwsError::NotFound { .. }));
        assert!(matches!(of_code("RequestLimitExceeded"), AwsError::Throttled { .. }));
        assert!(matches!(of_code("AuthFailure"), AwsError::CredentialsRejected { .. }));
    }

    #[test]
    fn words_of_the_sdk_are_understood() {
        let of = |text: &str| AwsError::of_text(String::new(), text, vec![text.to_owned()]);
        assert_eq!(of("an error occurred: the SSO session token has expired"), AwsError::SsoExpired);
        assert_eq!(of("no providers in chain provided credentials"), AwsError::NoCredentials);
        assert!(matches!(of("dispatch failure: dns error"), AwsError::Unreachable { .. }));
        assert!(matches!(of("what is this"), AwsError::Other { .. }));
    }
}
