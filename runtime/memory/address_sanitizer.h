// Marks memory that must not be touched, so that AddressSanitizer reports an access to it. In
// builds without AddressSanitizer the functions do nothing.
#pragma once

#include <cstddef>

#if defined(__SANITIZE_ADDRESS__)
#define GMC_ADDRESS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define GMC_ADDRESS_SANITIZER 1
#endif
#endif

#ifdef GMC_ADDRESS_SANITIZER
#include <sanitizer/asan_interface.h>
#endif

namespace gmc::runtime {

#ifdef GMC_ADDRESS_SANITIZER
inline constexpr bool kAddressSanitizer = true;
inline void forbid_access(const void* begin, size_t bytes) {
    __asan_poison_memory_region(begin, bytes);
}
inline void allow_access(const void* begin, size_t bytes) {
    __asan_unpoison_memory_region(begin, bytes);
}
#else
inline constexpr bool kAddressSanitizer = false;
inline void forbid_access(const void*, size_t) {}
inline void allow_access(const void*, size_t) {}
#endif

}  // namespace gmc::runtime
