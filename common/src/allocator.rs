//! Who gives out memory: all programs here make and drop millions of small texts, sets and lists, which the allocators
//! that systems bring take a quarter of the time for. Version 2, without huge pages: the others hold more of it.

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
