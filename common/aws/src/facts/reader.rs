//! Calls in parts, a few at a time.

use std::collections::BTreeMap;

use aws_sdk_ec2::types::Filter;
use compact_str::CompactString;
use futures::future::join_all;
use karp_core::model::Ec2Image;
use tokio::sync::Semaphore;

use crate::convert;
use crate::{AwsError, Connection};

/// Calls under way at the same time. EC2 lets an account make about twenty such calls a second.
const CALLS: usize = 6;
/// Ids that one call may filter by.
const FILTER_VALUES: usize = 200;

/// What was read, and the first error.
pub(super) type Partly<T> = (T, Option<AwsError>);

/// Clients, and how many calls may be under way.
pub(super) struct Reader {
    pub(super) ec2: aws_sdk_ec2::Client,
    pub(super) ssm: aws_sdk_ssm::Client,
    calls: Semaphore,
}

impl Reader {
    pub(super) fn new(connection: &Connection) -> Self {
        Self { ec2: connection.ec2(), ssm: connection.ssm(), calls: Semaphore::new(CALLS) }
    }

    /// Asks for parts of a list; one part that fails does not take the others along.
    pub(super) async fn in_parts<I, T>(
        &self,
        items: &[I],
        size: usize,
        ask: impl AsyncFn(&[I]) -> Result<Vec<T>, AwsError>,
    ) -> Partly<Vec<T>> {
        let ask = &ask;
        let parts = items.chunks(size).map(async |part| {
            let _permit = self.calls.acquire().await;
            ask(part).await
        });
        let (mut all, mut first) = (Vec::new(), None);
        for answer in join_all(parts).await {
            match answer {
                Ok(part) => all.extend(part),
                Err(error) => first = first.or(Some(error)),
            }
        }
        (all, first)
    }

    /// The same by a filter on ids. A filter, unlike a list of ids, does not fail for one that is gone.
    pub(super) async fn by_id<T>(
        &self,
        filter: &'static str,
        ids: &[CompactString],
        ask: impl AsyncFn(Filter) -> Result<Vec<T>, AwsError>,
    ) -> Partly<Vec<T>> {
        let ask = &ask;
        self.in_parts(ids, FILTER_VALUES, async |ids| {
            let values = ids.iter().map(ToString::to_string).collect();
            ask(Filter::builder().name(filter).set_values(Some(values)).build()).await
        })
        .await
    }

    /// Images by id, deprecated ones too.
    pub(super) async fn images(&self, ids: &[CompactString]) -> Partly<BTreeMap<CompactString, Ec2Image>> {
        let (images, error) = self
            .by_id("image-id", ids, async |filter| {
                let call = self.ec2.describe_images().filters(filter).include_deprecated(true);
                let mut pages = call.into_paginator().page_size(500).items().send();
                let mut found = Vec::new();
                while let Some(image) = pages.next().await {
                    let image = image.map_err(|error| AwsError::of("ec2:DescribeImages", &error))?;
                    found
                        .extend(image.image_id().map(|id| (CompactString::from(id), convert::image(&image))));
                }
                Ok(found)
            })
            .await;
        (images.into_iter().collect(), error)
    }
}
