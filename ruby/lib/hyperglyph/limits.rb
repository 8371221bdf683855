# frozen_string_literal: true

module Hyperglyph
  # How much of each a message may hold (chapter 13 of the standard). Frozen.
  class Limits
    # The name of each limit, and its default.
    DEFAULTS = {
      depth: 100,                  # of containers in containers, 500 at most
      nodes: 2_000_000,
      octets: 32 << 20,            # of a message, without the content of its blobs
      digits: 4_300,               # of an integer
      hexadecimal: 64,             # octets of a float in hexadecimal
      decimal: 800,                # octets of any other float
      datetime: 64,                # octets
      timedelta: 200,              # octets
      white_space: 64 << 10,       # octets of a message
      blobs: 16,
      blob_octets: 256 << 20,      # of one blob
      integer_keys: 1_000_000      # keys of one container that has an integer among them
    }.freeze
    DEEPEST = 500

    attr_reader(*DEFAULTS.keys)

    # Limits.new(depth: 20): all others have their defaults. ArgumentError for a limit that there is
    # not, for one that is no number from 0 on, and for a depth beyond 500.
    def initialize(**limits)
      limits.each do |name, limit|
        raise ArgumentError, "there is no limit #{name}: #{DEFAULTS.keys.join(', ')}" unless DEFAULTS.key?(name)
        next if limit.is_a?(Integer) && !limit.negative? && (name != :depth || limit <= DEEPEST)

        raise ArgumentError, "#{name} must be an Integer from 0 on#{", #{DEEPEST} at most" if name == :depth}"
      end
      DEFAULTS.merge(limits).each { |name, limit| instance_variable_set(:"@#{name}", limit) }
      freeze
    end

    # What is recommended to servers, which read from strangers.
    def self.server(**limits)
      new(nodes: 250_000, octets: 4 << 20, integer_keys: 8_192, **limits)
    end

    DEFAULT = new
  end
end
