// SPDX-License-Identifier: BSL-1.0
// See unwind_table.hpp.
#include "unwind_table.hpp"

#include <algorithm>
#include <map>
#include <optional>

namespace weft_audit {
namespace {

constexpr const char* here = ".eh_frame";

// How a pointer is written: DW_EH_PE_.
constexpr unsigned encoded_absptr = 0x00;
constexpr unsigned encoded_aligned = 0x50;
constexpr unsigned encoded_omit = 0xff;
constexpr unsigned encoded_pcrel = 0x10;

struct common_entry {
  unsigned pointers = encoded_absptr;
  bool has_augmentation = false;
  bytes instructions;
};

// The value, as it stands there.
std::uint64_t next_pointer(reader& from, unsigned encoding) {
  switch (encoding & 0x0f) {
    case 0x00:
    case 0x04:
    case 0x0c:
      return from.next<std::uint64_t>();
    case 0x01:
      return from.next_unsigned();
    case 0x02:
      return from.next<std::uint16_t>();
    case 0x03:
      return from.next<std::uint32_t>();
    case 0x09:
      return static_cast<std::uint64_t>(from.next_signed());
    case 0x0a:
      return static_cast<std::uint64_t>(std::int64_t{from.next<std::int16_t>()});
    case 0x0b:
      return static_cast<std::uint64_t>(std::int64_t{from.next<std::int32_t>()});
    default:
      throw bad_file(".eh_frame has a pointer of an unknown form: it is damaged");
  }
}

// The table's place: by its section, or, where sections are stripped, by the header that unwinders
// use.
struct table_place {
  std::uint64_t address = 0;
  bytes content;
};
std::optional<table_place> find_table(const elf_file& file) {
  if (const Elf64_Shdr* const section = file.find_section(".eh_frame")) {
    if (section->sh_type == SHT_NOBITS) return std::nullopt;  // a file of debug information
    return table_place{section->sh_addr,
                       file.content().part(section->sh_offset, section->sh_size, here)};
  }
  const Elf64_Phdr* const header = file.find_segment(PT_GNU_EH_FRAME);
  if (header == nullptr || !file.has_address(header->p_vaddr)) return std::nullopt;
  reader from(file.at_address(header->p_vaddr, ".eh_frame_hdr"), ".eh_frame_hdr");
  from.skip(1);
  const unsigned encoding = from.next<unsigned char>();
  from.skip(2);
  if (encoding == encoded_omit) return std::nullopt;
  std::uint64_t address = next_pointer(from, encoding);
  if ((encoding & 0x70) == encoded_pcrel) address += header->p_vaddr + 4;
  return table_place{address, file.at_address(address, here)};
}

common_entry read_common_entry(bytes content) {
  reader from(content, here);
  common_entry entry;
  const unsigned version = from.next<unsigned char>();
  const std::string_view augmentation = from.next_text();
  from.next_unsigned();  // code alignment
  from.next_signed();    // data alignment
  if (version == 1) {
    from.skip(1);
  } else {
    from.next_unsigned();
  }
  if (!augmentation.empty() && augmentation[0] == 'z') {
    entry.has_augmentation = true;
    const std::uint64_t count = from.next_unsigned();
    const std::uint64_t end = from.position() + count;
    for (const char one : augmentation.substr(1)) {
      if (one == 'R') entry.pointers = from.next<unsigned char>();
      if (one == 'L') from.skip(1);
      if (one == 'P') {
        const unsigned encoding = from.next<unsigned char>();
        if (encoding == encoded_aligned) throw bad_file(".eh_frame has an aligned pointer");
        next_pointer(from, encoding);
      }
    }
    from = reader(content, here);
    from.skip(end);
  }
  entry.instructions = content.part(from.position(), content.size() - from.position(), here);
  return entry;
}

// Follows the instructions as far as the frame's size needs: the largest offset of the canonical
// frame address from the stack pointer.
class frame_size {
 public:
  explicit frame_size(unsigned stack_pointer) noexcept : stack_pointer_(stack_pointer) {}

  void follow(bytes instructions, unsigned pointers) {
    reader from(instructions, here);
    while (!from.is_at_end() && step(from, pointers)) {
    }
  }
  std::uint64_t largest() const noexcept { return largest_; }

 private:
  void set(std::uint64_t by_register, std::uint64_t offset) noexcept {
    register_ = by_register;
    offset_ = offset;
    // A frame of more than 2 GiB is no frame.
    if (register_ == stack_pointer_ && offset_ < (std::uint64_t{1} << 31)) {
      largest_ = std::max(largest_, offset_);
    }
  }
  static void skip_block(reader& from) { from.skip(from.next_unsigned()); }

  // False at an instruction that is not known: what follows cannot be read.
  bool step(reader& from, unsigned pointers) {
    const unsigned code = from.next<unsigned char>();
    if ((code & 0xc0) == 0x40 || (code & 0xc0) == 0xc0) return true;  // advance, restore
    if ((code & 0xc0) == 0x80) {                                      // where a register is saved
      from.next_unsigned();
      return true;
    }
    switch (code) {
      case 0x0c: {  // DW_CFA_def_cfa
        const std::uint64_t by_register = from.next_unsigned();
        set(by_register, from.next_unsigned());
        return true;
      }
      case 0x0d:
        set(from.next_unsigned(), offset_);
        return true;
      case 0x0e:
        set(register_, from.next_unsigned());
        return true;
      case 0x0f:
        skip_block(from);
        return true;  // by an expression: nothing to learn
      case 0x0a:
        kept_.push_back({register_, offset_});
        return true;
      case 0x0b:
        if (kept_.empty()) return false;
        register_ = kept_.back().first;
        offset_ = kept_.back().second;
        kept_.pop_back();
        return true;
      default:
        return skip_other(from, code, pointers);
    }
  }
  static bool skip_other(reader& from, unsigned code, unsigned pointers) {
    switch (code) {
      case 0x00:
      case 0x2d:
        return true;
      case 0x01:
        next_pointer(from, pointers);
        return true;
      case 0x02:
        from.skip(1);
        return true;
      case 0x03:
        from.skip(2);
        return true;
      case 0x04:
        from.skip(4);
        return true;
      case 0x06:
      case 0x07:
      case 0x08:
      case 0x2e:
        from.next_unsigned();
        return true;
      case 0x05:
      case 0x09:
      case 0x11:
      case 0x14:
      case 0x15:
      case 0x2f:
        from.next_unsigned();
        from.next_unsigned();
        return true;
      case 0x10:
      case 0x16:
        from.next_unsigned();
        skip_block(from);
        return true;
      default:
        return false;
    }
  }

  const unsigned stack_pointer_;
  std::uint64_t register_ = 0;
  std::uint64_t offset_ = 0;
  std::uint64_t largest_ = 0;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> kept_;
};

class table_reader {
 public:
  table_reader(const elf_file& file, table_place place) noexcept
      : place_(place), stack_pointer_(file.is_x86_64() ? 7 : 31) {}

  std::vector<unwound_function> read() {
    std::uint64_t at = 0;
    while (place_.content.has(at, 4)) {
      std::uint64_t bytes_of_count = 4;
      std::uint64_t count = place_.content.read<std::uint32_t>(at, here);
      if (count == 0) break;
      if (count == 0xffffffff) {
        count = place_.content.read<std::uint64_t>(at + 4, here);
        bytes_of_count = 12;
      }
      const std::uint64_t body_at = at + bytes_of_count;
      read_entry(at, body_at, place_.content.part(body_at, count, here));
      at = body_at + count;
    }
    return std::move(functions_);
  }

 private:
  void read_entry(std::uint64_t at, std::uint64_t body_at, bytes body) {
    const auto to_common = body.read<std::uint32_t>(0, here);
    const bytes rest = body.part(4, body.size() - 4, here);
    if (to_common == 0) {
      common_[at] = read_common_entry(rest);
      return;
    }
    const auto found = common_.find(body_at - to_common);
    if (found == common_.end())
      throw bad_file(".eh_frame has an entry without its head: it is damaged");
    read_function(found->second, body_at + 4, rest);
  }

  void read_function(const common_entry& common, std::uint64_t at, bytes content) {
    reader from(content, here);
    unwound_function function;
    function.address = next_pointer(from, common.pointers);
    if ((common.pointers & 0x70) == encoded_pcrel) function.address += place_.address + at;
    function.size = next_pointer(from, common.pointers & 0x0f);
    if (common.has_augmentation) from.skip(from.next_unsigned());
    frame_size frame(stack_pointer_);
    frame.follow(common.instructions, common.pointers);
    frame.follow(content.part(from.position(), content.size() - from.position(), here),
                 common.pointers);
    function.frame_bytes = frame.largest();
    functions_.push_back(function);
  }

  const table_place place_;
  const unsigned stack_pointer_;
  std::map<std::uint64_t, common_entry> common_;
  std::vector<unwound_function> functions_;
};

}  // namespace

std::vector<unwound_function> read_unwind_table(const elf_file& file) {
  const auto place = find_table(file);
  if (!place) return {};
  return table_reader(file, *place).read();
}

}  // namespace weft_audit
