// SPDX-License-Identifier: BSL-1.0
// Marks what the shared library shows to programs. Layer: base.
// weft is compiled with hidden visibility, so a function or class without WEFT_API does not leave
// the library. Types that are thrown or caught across it need the mark too: a hidden type_info
// would make two types of one, and a handler in the program would not match.
#pragma once

#define WEFT_API __attribute__((visibility("default")))
