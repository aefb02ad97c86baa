// SPDX-License-Identifier: BSL-1.0
// Defines the link-time tag that every object including weft refers to. Its name says which ABI
// version and which backend this library was built with, so a program that was compiled against
// other choices fails to link with that name in the message, instead of failing at run time.
// Called by nobody; must know nothing but weft/detail/config.hpp.
#include "weft/detail/config.hpp"

extern "C" const char WEFT_LINK_TAG = 0;
