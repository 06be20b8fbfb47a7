//! Which image of a NodeClass an instance type runs.
//!
//! AWS provider: pkg/providers/amifamily/ami.go (`MapToInstanceTypes`): the first image in the order of the
//! status whose requirements the type's labels meet.

use crate::model::{AllowUndefined, Ami, Ec2NodeClass, LabelProfile, Requirements};

/// Images of a NodeClass with their requirements ready for comparison.
#[derive(Debug, Clone)]
pub struct Images<'a>(Vec<(&'a Ami, Requirements)>);

impl<'a> Images<'a> {
    /// Of a NodeClass' status.
    pub fn of(class: &'a Ec2NodeClass, profile: &LabelProfile) -> Self {
        let ready = |ami: &'a Ami| (ami, Requirements::from_specs(&ami.requirements, profile));
        Self(class.status.amis.iter().map(ready).collect())
    }

    /// The image that a type with these requirements runs.
    pub fn for_type(&self, requirements: &Requirements) -> Option<&'a Ami> {
        let fits = |image: &Requirements| requirements.compatible(image, AllowUndefined::Nothing).is_ok();
        self.0.iter().find(|(_, image)| fits(image)).map(|(ami, _)| *ami)
    }
}
