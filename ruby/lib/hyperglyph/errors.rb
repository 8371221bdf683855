# frozen_string_literal: true

module Hyperglyph
  # The family of all errors of this gem.
  class Error < StandardError; end

  module Codec
    # A message that is no message, or more than the limits allow (chapter 12 of the standard).
    class DecodeError < Error
      # :malformed, :truncated or :limit.
      attr_reader :kind
      # Octets from the start of the input to the fault.
      attr_reader :offset

      def initialize(kind, offset, reason)
        @kind = kind
        @offset = offset
        super("#{kind} at octet #{offset}: #{reason}")
      end
    end

    # A value that has no encoding, or is beyond the limits.
    class EncodeError < Error
      # Keys and indices that lead from the root to the value that cannot be encoded.
      attr_reader :path

      def initialize(reason)
        @reason = reason
        @path = []
        super(reason)
      end

      # Always :unencodable, the one fault that the standard has for encoders.
      def kind
        :unencodable
      end

      # Called on the way out of each container.
      def within(step)
        @path.unshift(step)
        self
      end

      def message
        return @reason if @path.empty?

        "#{@reason}, at #{@path.map { |step| "[#{step.inspect[0, 40]}]" }.join[0, 400]}"
      end
    end
  end
end
