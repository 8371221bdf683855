# frozen_string_literal: true

module Hyperglyph
  module Codec
    # Writes one message. Codec.encode and Codec.encode_to are made of it.
    class Encoder
      # Bits of an integer with this many decimal digits, at most.
      BITS_PER_DIGIT = 3.33
      # Keys whose octets are kept while a message is written: octets of each, and how many.
      LONGEST_KEPT = 64
      MOST_KEPT = 1_000

      def initialize(canonical: false, limits: nil)
        @canonical = canonical
        @limits = limits || Limits::DEFAULT
        # Integers of so many bits need no counting of digits.
        @few_bits = [(@limits.digits - 1) * 3.32, 64].min
      end

      # Yields the octets of the message for `value`, in Strings: the root, when it is whole, then the
      # chunks of its blobs. EncodeError, before anything is yielded, for what has no encoding or is
      # beyond the limits; a blob whose size is not known beforehand may be found too long later.
      def encode(value)
        # Text and octets are appended as they are: both count as UTF-8 here, and Ruby compares nothing.
        @output = String.new(encoding: Encoding::UTF_8, capacity: 256)
        @blobs = []
        @in_blob = false
        @nodes = 0
        @keys = {}
        count(1)
        put_root(value)
        octets = @output.force_encoding(Encoding::BINARY)
        @output = nil
        refuse("a message may have #{@limits.octets} octets beside the content of blobs") if octets.bytesize > @limits.octets
        refuse_blobs
        yield octets
        @blobs.each_with_index { |blob, id| chunks(blob, id) { |piece| yield piece } }
        nil
      end

      private

      # A depth of 100 fits into every stack; the 500 that may be set do not fit into that of a Fiber.
      def put_root(value)
        put(value, 0)
      rescue SystemStackError
        refuse("containers are too deep for the stack of this Fiber or Thread: encode them outside of it")
      end

      # `depth` is the number of containers around the value. Nodes are counted by what holds them, for
      # all at once.
      def put(value, depth)
        case value
        when String
          return put_octets(value) if value.encoding == Encoding::BINARY

          value = to_utf8(value) unless value.encoding == Encoding::UTF_8 && value.valid_encoding?
          value.empty? ? @output << "u;" : @output << "u#{value.bytesize}:" << value << ";"
        when Integer
          check_digits(value) if value.bit_length > @few_bits
          @output << "i#{value};"
        when Hash then put_hash(value, depth)
        when nil then @output << "N;"
        when true then @output << "T;"
        when false then @output << "F;"
        when Array then put_array(value, depth, false)
        when Float then @output << Literals.spell_float(value)
        when Extension then put_extension(value, depth)
        when Blob then put_blob(value, depth)
        when Set then put_set(value, depth)
        else put_other(value)
        end
      end

      def put_other(value)
        case value
        when Symbol then put(value.name, 0)
        when Bytes then put_octets(value.to_str)
        when Time then put_time(value)
        when Duration, Period then @output << "p#{value};"
        else
          return put_time(Literals.time(value)) if defined?(::DateTime) && value.is_a?(::DateTime)

          refuse("there is no encoding for #{value.class}")
        end
      end

      def put_key(value, depth)
        case value
        when Array then put_array(value, depth, true)
        when Hash, Extension, Blob then refuse("#{value.class} can be no key, nor an item of a set, nor in one")
        else put(value, depth)
        end
      end

      def to_utf8(value)
        return value.encode(Encoding::UTF_8) unless value.encoding == Encoding::UTF_8

        refuse("this text is not valid UTF-8")
      rescue EncodingError
        refuse("this text, in #{value.encoding}, is not valid or cannot be Unicode")
      end

      def put_octets(value)
        return @output << "b;" if value.empty?

        @output << "b#{value.bytesize}:" << value.dup.force_encoding(Encoding::UTF_8) << ";"
      end

      def check_digits(value)
        digits = @limits.digits
        return unless value.bit_length > (digits + 1) * BITS_PER_DIGIT || value.abs.to_s.size > digits

        refuse("an integer may have #{digits} digits")
      end

      def put_time(time)
        time = time.getutc unless time.utc?
        refuse("a time is in the years 1 to 9999, and not #{time.year}") unless Literals::YEARS.cover?(time.year)

        micro = time.usec
        @output << time.strftime((micro % 1000).zero? ? "d%Y-%m-%dT%H:%M:%S.%LZ;" : "d%Y-%m-%dT%H:%M:%S.%6NZ;")
      end

      # Loops without blocks, here and below: those take much of the stack, which is small in a Fiber.
      def put_array(value, depth, keyed)
        count(value.size)
        depth = deeper(depth)
        @output << "L"
        index = 0
        while index < value.size
          keyed ? put_key(value[index], depth) : put(value[index], depth)
          index += 1
        end
        @output << ";"
      rescue EncodeError => e
        raise index ? e.within(index) : e
      end

      # Items always stand in the order of the canonical form (REQ-SET-1).
      def put_set(value, depth)
        count(value.size + 3)
        depth = deeper(depth)
        items = value.to_a
        index = -1
        items[index] = key_octets(items[index], depth) while (index += 1) < items.size
        items.sort!
        unique(items)
        @output << "S"
        items.each { |item| @output << item }
        @output << ";"
      end

      def put_hash(value, depth, attributes: false)
        count((2 * value.size) + 3)
        depth = deeper(depth)
        ordered = value.is_a?(OrderedHash)
        @output << (ordered ? "O" : "D")
        keys = value.keys
        keys.each { |key| refuse_attribute(key) unless text?(key) } if attributes
        if @canonical && !ordered
          put_sorted(keys, value.values, depth)
        else
          put_pairs(keys, value.values, depth, value.compare_by_identity?)
        end
        @output << ";"
      end

      def put_pairs(keys, members, depth, by_identity)
        certain = !by_identity
        index = 0
        while index < keys.size
          key = keys[index]
          if key.is_a?(String) && key.encoding == Encoding::UTF_8
            @output << (@keys[key] || text_key(key))
          else
            # Two of these may be one key on the wire, and two for Ruby.
            certain &&= key.is_a?(Integer)
            put_key(key, depth)
          end
          put(members[index], depth)
          index += 1
        end
        unique(keys.map { |each| key_octets(each, depth) }.sort) unless certain || keys.size < 2
      rescue EncodeError => e
        raise index < keys.size ? e.within(keys[index]) : e
      end

      def put_sorted(keys, members, depth)
        index = -1
        octets = Array.new(keys.size)
        octets[index] = key_octets(keys[index], depth) while (index += 1) < keys.size
        order = (0...keys.size).sort_by { |place| octets[place] }
        unique(octets.values_at(*order))
        index = -1
        while (index += 1) < order.size
          place = order[index]
          @output << octets[place]
          put(members[place], depth)
        end
      rescue EncodeError => e
        raise place ? e.within(keys[place]) : e
      end

      # The octets of a key that is text in UTF-8. Short ones are kept: records have the same keys.
      def text_key(key)
        refuse("this text is not valid UTF-8") unless key.valid_encoding?
        octets = key.empty? ? "u;" : "u#{key.bytesize}:#{key};"
        @keys[key] = octets if key.bytesize <= LONGEST_KEPT && @keys.size < MOST_KEPT
        octets
      end

      def text?(key)
        key.is_a?(Symbol) || (key.is_a?(String) && key.encoding != Encoding::BINARY)
      end

      def refuse_attribute(key)
        refuse("the name of an attribute is text, and not #{key.class}")
      end

      def put_extension(value, depth)
        count(6)
        depth = deeper(depth)
        @output << "X"
        refuse("the name of an extension is text") unless text?(value.name)
        put(value.name, 0)
        put_attributes(value.attributes, depth)
        put(value.content, depth)
        @output << ";"
      end

      def put_blob(value, depth)
        refuse("a blob can be no attribute of a blob") if @in_blob
        refuse("a message may have #{@limits.blobs} blobs") if @blobs.size >= @limits.blobs
        count(4)
        depth = deeper(depth)
        @output << "B#{@blobs.size}:"
        @blobs << value
        @in_blob = true
        put_attributes(value.attributes, depth)
        @in_blob = false
        @output << ";"
      end

      def put_attributes(value, depth)
        refuse("attributes are a Hash") unless value.is_a?(Hash)
        put_hash(value, depth, attributes: true)
      end

      # The octets of a key or item, by themselves.
      def key_octets(key, depth)
        return capture(key, depth) unless key.is_a?(String) && key.encoding == Encoding::UTF_8

        @keys[key] || text_key(key)
      end

      def capture(key, depth)
        output = @output
        @output = String.new(encoding: Encoding::UTF_8)
        put_key(key, depth)
        @output
      rescue EncodeError => e
        raise e.within(key)
      ensure
        @output = output
      end

      def unique(sorted)
        sorted.each_cons(2) do |one, other|
          refuse("two keys or items are one on the wire: #{one.b.inspect[0, 80]}") if one == other
        end
      end

      def deeper(depth)
        return depth + 1 if depth < @limits.depth

        refuse("containers may be #{@limits.depth} deep: this one is deeper, or holds itself")
      end

      def count(nodes)
        return if (@nodes += nodes) <= @limits.nodes

        refuse("a message may have #{@limits.nodes} nodes")
      end

      def refuse_blobs
        @blobs.each { |blob| too_long if blob.size && blob.size > @limits.blob_octets }
      end

      def too_long
        refuse("a blob may have #{@limits.blob_octets} octets")
      end

      def chunks(blob, id)
        sent = 0
        blob.each_chunk do |piece|
          sent += piece.bytesize
          too_long if sent > @limits.blob_octets
          yield "c#{id}:#{piece.bytesize}:".b
          yield piece
          yield ";"
        end
        yield "c#{id};"
      end

      def refuse(reason)
        raise EncodeError, reason
      end
    end
  end
end
